"""A journaling backend: entries, insights, analytics, settings."""
