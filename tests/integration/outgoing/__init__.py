"""Balanced endpoints on real sockets, used by what Twisted's authors use endpoints with."""
