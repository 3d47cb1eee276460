"""Choosing the best of several variants, and what follows a listing."""
