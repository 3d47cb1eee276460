"""Votes to scores: reading, counting, fitting, intervals and ranks."""
