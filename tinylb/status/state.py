"""The state as JSON, made in parts: there may be thousands of backends, and of connections whose bytes are added up."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from weakref import ref

from tinylb.registry import PAIRS_A_TURN
from tinylb.service import LoadBalancerService
from tinylb.status.answer import encode

BACKENDS_A_PART = 100
"""How many backends are written in one go; it takes less than a millisecond."""


class States:
    """
    Tells what L{LoadBalancerService.describe <tinylb.LoadBalancerService.describe>} says. One text is made at a time,
    and shared by all requests that came before it was begun. So a client that does not read its answer holds no more
    memory than that text.
    """

    def __init__(self, balancer: LoadBalancerService) -> None:
        self._balancer = balancer
        # The requests that wait for a text hold it. When the last of them is gone, so is the text.
        self._now: ref[_Text] | None = None
        self._next: ref[_Text] | None = None

    def ask(self) -> Generator[bytes, None, None]:
        """
        @return: the parts of a text. Empty parts come first, while it is made, so that others have their turns. The
            bytes of open connections may be read a little later than the rest.
        """
        yield b""  # sends the headers; no text is made for a client that does not even read those
        text = self._asked()
        while text.parts is None:
            yield b""
            self._goOn()
        yield from text.parts

    def _asked(self) -> _Text:
        text = None if self._next is None else self._next()
        if text is None:
            text = _Text(self._balancer)
            self._next = ref(text)
        return text

    def _goOn(self) -> None:
        """Go on with the text under way, even if only other requests wait for it; then begin the next one."""
        text = None if self._now is None else self._now()
        if text is None or text.parts is not None:
            self._now, self._next = self._next, None
            text = None if self._now is None else self._now()
        if text is not None:
            text.goOn()


class _Text:
    """
    The state when this text was begun.

    @ivar parts: the whole text; L{None} until it is made.
    """

    def __init__(self, balancer: LoadBalancerService) -> None:
        self.parts: Sequence[bytes] | None = None
        self._balancer = balancer
        self._work = _made(balancer)

    def goOn(self) -> None:
        """Make a little more of it."""
        try:
            next(self._work)
        except StopIteration as end:
            self.parts = end.value
        except Exception:
            self._work = _made(self._balancer)  # for the next request that waits; this one fails
            raise


def _made(balancer: LoadBalancerService) -> Generator[None, None, Sequence[bytes]]:
    known = balancer.describe(addsUp=False)
    backends = known.pop("backends")
    registry = balancer.balancer.pool.registry
    pairs = [(told, tuple(registry.record(told["target"]).pairs)) for told in backends]
    count = 0
    for told, them in pairs:
        for pair in them:
            told["bytesIn"] += pair.bytesIn
            told["bytesOut"] += pair.bytesOut
            count += 1
            if not count % PAIRS_A_TURN:
                yield
    parts = [encode(known)[:-1] + b',"backends":[']
    for start in range(0, len(backends), BACKENDS_A_PART):
        yield
        comma = b"," if start else b""
        parts.append(comma + encode(backends[start : start + BACKENDS_A_PART])[1:-1])
    return [*parts, b"]}\n"]
