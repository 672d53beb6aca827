"""How property tests search: the same examples each time, and no deadline that a busy machine could miss."""

from hypothesis import HealthCheck, settings

REPEATABLE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
