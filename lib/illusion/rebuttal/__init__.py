"""How few votes decide a place."""
