"""The library behind *The Leaderboard Illusion, Re-run*."""
