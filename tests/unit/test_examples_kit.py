"""The example of a test under trial, run as one of ours."""

from examples.testing.test_with_trial import WorkshopTests

__all__ = ["WorkshopTests"]
