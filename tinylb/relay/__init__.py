"""Relays: what moves the bytes of a pair."""
