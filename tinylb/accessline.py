"""A line of the access log: a JSON object that says how a pair went."""

from __future__ import annotations

import time
from json.encoder import encode_basestring_ascii as quoted
from math import floor

from tinylb.addresses import spell
from tinylb.events import CloseReason, PairClosed

_MOST_NAMES = 1000
_REASONS = {reason: quoted(reason.value) for reason in CloseReason}


class LineWriter:
    """Writes JSON by hand: this is done for every connection, and costs half of what the encoder does."""

    def __init__(self) -> None:
        self._who: dict[tuple[str | None, str, str], str] = {}
        self._second = (-1, "")

    def line(self, ended: float, event: PairClosed) -> str:
        """
        @param ended: when the pair ended, in seconds since the epoch.
        @return: the line, with its end.
        """
        key = (event.listener, event.backend, event.target)
        who = self._who.get(key) or self._spellWho(key)
        start = self._moment(ended - event.duration - event.dialSeconds)
        client = "null" if event.client is None else quoted(spell(event.client))
        return (
            f'{{"start": "{start}", "client": {client}, {who}, '
            f'"attempts": {event.attempts}, "dialSeconds": {event.dialSeconds:.6f}, "bytesIn": {event.bytesIn}, '
            f'"bytesOut": {event.bytesOut}, "duration": {event.duration:.6f}, "reason": {_REASONS[event.reason]}}}\n'
        )

    def _spellWho(self, key: tuple[str | None, str, str]) -> str:
        listener, backend, target = key
        if len(self._who) >= _MOST_NAMES:
            self._who.clear()
        who = self._who[key] = (
            f'"listener": {"null" if listener is None else quoted(listener)}, '
            f'"backend": {quoted(backend)}, "target": {quoted(target)}'
        )
        return who

    def _moment(self, seconds: float) -> str:
        """In ISO 8601, UTC; as L{timestamp <tinylb.wording.timestamp>} has it."""
        whole = floor(seconds)
        if whole != self._second[0]:
            self._second = whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        return f"{self._second[1]}.{int((seconds - whole) * 1000):03d}+00:00"
