"""The example of a test with pytest-twisted, run as one of ours."""

from examples.testing.test_with_pytest_twisted import test_gatewaySurvivesABlackHole

__all__ = ["test_gatewaySurvivesABlackHole"]
