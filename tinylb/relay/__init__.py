"""What moves the bytes of a pair."""
