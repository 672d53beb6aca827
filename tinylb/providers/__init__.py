"""Where backend sets come from, one module each."""
