"""Scripts that run in processes of their own, pinned to a core."""
