"""After the dispute: the same questions asked of October 2025 to August 2026."""
