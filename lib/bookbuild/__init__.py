"""What the build of the site needs; no chapter imports it."""
