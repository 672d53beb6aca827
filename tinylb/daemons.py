"""Threads that nobody waits for: a process may end while they hang."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

Job = tuple[Callable[[bool, Any], None], Callable[[], Any]]


class Daemons:
    """
    As much of a L{ThreadPool <twisted.python.threadpool.ThreadPool>} as
    L{deferToThreadPool <twisted.internet.threads.deferToThreadPool>} needs. Twisted's own pool has ten threads, and
    joins them at the end of the process.

    @param most: threads at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0
        self._waiting: deque[Job] = deque()
        self._lock = Lock()

    def callInThreadWithCallback(
        self, onResult: Callable[[bool, Any], None], function: Callable[..., Any], *args: object, **kw: object
    ) -> None:
        """
        Call a function.

        @param onResult: is called in the thread, with whether it went well, and the result or failure; or before this
            returns, where there is no thread to be had.
        """
        job: Job = onResult, lambda: function(*args, **kw)
        with self._lock:
            if self._running == self._most:
                self._waiting.append(job)
                return
            self._running += 1
        try:
            Thread(target=self._work, args=(job,), daemon=True).start()
        except (RuntimeError, MemoryError):  # the system is out of threads
            with self._lock:
                self._running -= 1
            onResult(False, Failure())

    def _work(self, job: Job | None) -> None:
        while job is not None:
            onResult, call = job
            try:
                result = True, call()
            except BaseException:
                result = False, Failure()
            onResult(*result)
            with self._lock:
                job = self._waiting.popleft() if self._waiting else None
                if job is None:
                    self._running -= 1


def inDaemon(reactor: Any) -> Callable[[Callable[[], Any]], Deferred[Any]]:
    """
    @param reactor: used to come back from the thread. Where it has no C{callFromThread}, such as a test's C{Clock},
        functions are called at once, without a thread.

    @return: a callable that calls a function in a thread, one at a time; its L{Deferred} fires with the result.
    """
    if not hasattr(reactor, "callFromThread"):
        return maybeDeferred
    daemons = Daemons(1)
    return lambda function: deferToThreadPool(reactor, daemons, function)  # type: ignore[arg-type]
