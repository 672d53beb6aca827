"""What the relays of the kernel engine share: one workshop for each reactor."""

from __future__ import annotations

import os
from weakref import WeakValueDictionary

from tinylb.poller import Poller, pollerOf
from tinylb.relay.pipes import Pipes


class Workshop:
    """The poller of a reactor, and its pipes."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.pipes = Pipes()

    def release(self) -> None:
        """Close the epoll and the pipes that are not in use."""
        self.pipes.release()
        self.poller.release()


def workshopOf(reactor: object) -> Workshop | None:
    """The workshop of a reactor; L{None} where there is no poller, or no splice."""
    poller = pollerOf(reactor)
    if poller is None or not hasattr(os, "splice"):
        return None
    shop = _shops.get(poller)
    if shop is None:
        shop = _shops[poller] = Workshop(poller)
    return shop


_shops: WeakValueDictionary[Poller, Workshop] = WeakValueDictionary()
