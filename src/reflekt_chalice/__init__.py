"""Reflekt on AWS. The adapter to Chalice is not written yet."""
