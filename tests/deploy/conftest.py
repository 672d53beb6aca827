"""Fixtures of the tests of what is deployed."""

from tests.program.conftest import stage

__all__ = ["stage"]
