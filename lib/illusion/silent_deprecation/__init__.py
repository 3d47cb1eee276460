"""Models that stopped getting votes, and what their removal does to a ranking."""
