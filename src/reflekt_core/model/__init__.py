"""Values and rules of journaling. No I/O, no clock, no randomness."""
