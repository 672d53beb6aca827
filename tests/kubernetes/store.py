"""What an API server knows: the EndpointSlices, their resourceVersions, and how they came about."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.kubernetes.statuses import EXPIRED_CONTINUE, Refusal, tooLarge, tooOld

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""

API_VERSION = "discovery.k8s.io/v1"
KIND = "EndpointSlice"


class Selector(NamedTuple):
    """Which objects somebody asks for: those of a namespace with these labels."""

    namespace: str
    labels: dict[str, str | None]

    @classmethod
    def parse(cls, namespace: str, text: str) -> Selector:
        """
        @param text: a C{labelSelector}; sets and inequality are not understood here.
        @raise Refusal: when it is none.
        """
        labels: dict[str, str | None] = {}
        for term in filter(None, text.split(",")):
            name, equals, value = term.replace("==", "=").partition("=")
            if not name or set(" !()=") & set(name + value):
                raise Refusal(400, f"unable to parse requirement: {term}")
            labels[name] = value if equals else None
        return cls(namespace, labels)

    def matches(self, object: Object | None) -> bool:
        """Whether it is one of those."""
        if object is None or object["metadata"]["namespace"] != self.namespace:
            return False
        own: dict[str, str] = object["metadata"].get("labels") or {}
        return all(name in own and value in (None, own[name]) for name, value in self.labels.items())


class Change(NamedTuple):
    """An object as it was before, and is after it; L{None}: there was, or is, none."""

    revision: int
    key: Key
    before: Object | None
    after: Object | None

    def seenBy(self, selector: Selector) -> tuple[str, Object] | None:
        """
        The type and the object of the event for who watches those selected. An object that is none of them any more
        is C{DELETED} for him, and shown in its last state.
        """
        was, isNow = selector.matches(self.before), selector.matches(self.after)
        if isNow and self.after is not None:
            return ("MODIFIED" if was else "ADDED"), self.after
        if was and self.before is not None:
            return "DELETED", self.before
        return None


class Page(NamedTuple):
    """A part of a list: objects with their own revisions, the list's, and where to go on."""

    items: list[tuple[int, Object]]
    revision: int
    token: str
    remaining: int


class Store:
    """
    EndpointSlices and their history.

    @ivar revision: of the last change, of whatever kind of object.
    @ivar oldest: the first revision from which one can still watch; L{None} of the older states can be listed.
    @ivar prefix: stands before the number in each resourceVersion, which clients may not take for a number.
    """

    def __init__(self) -> None:
        self.revision = self.oldest = 1000
        self.prefix = ""
        self._changes: list[Change] = []

    def begin(self, revision: int, objects: Iterable[Object]) -> None:
        """As after a start: it knows what there is, and nothing of how it came about."""
        self._changes = [Change(revision, keyOf(each), None, each) for each in objects]
        self.revision = self.oldest = revision

    def put(self, object: Object) -> Change:
        """Create or replace one."""
        return self._change(keyOf(object), object)

    def delete(self, namespace: str, name: str) -> Change:
        """Remove one."""
        return self._change((namespace, name), None)

    def touch(self, count: int) -> None:
        """Other things in the cluster have changed."""
        self.revision += count

    def compact(self) -> None:
        """What was before the present is not known any more."""
        self.oldest = self.revision

    def spell(self, revision: int) -> str:
        """A resourceVersion."""
        return f"{self.prefix}{revision}"

    def parse(self, version: str) -> int:
        """
        The reverse.

        @raise Refusal: when it is none of ours.
        """
        number = version.removeprefix(self.prefix)
        if not number.isdigit() or (not version.startswith(self.prefix) and version != "0"):
            raise Refusal(400, f'invalid resource version: strconv.ParseUint: parsing "{version}": invalid syntax')
        return int(number)

    def render(self, object: Object, revision: int) -> Object:
        """An object of a list, which does not say what kind it is."""
        rest = {name: value for name, value in object.items() if name not in ("kind", "apiVersion")}
        return {**rest, "metadata": {**object["metadata"], "resourceVersion": self.spell(revision)}}

    def page(self, selector: Selector, version: str, match: str, limit: int, token: str) -> Page:
        """
        A list, or a part of it; the parameters are those of the request, see "Resource versions" and "Retrieving
        large results sets in chunks" among the concepts of the Kubernetes API.

        @raise Refusal: when it asks for too old a state, or for one that is still to come.
        """
        revision, start = self.revision, ""
        if token:
            revision, start = self._continued(token)
        elif version not in ("", "0"):
            asked = self.parse(version)
            if asked > self.revision:
                raise tooLarge(asked, self.revision)
            if match == "Exact" or (limit and match != "NotOlderThan"):
                revision = asked
            if revision < self.oldest:
                raise Refusal(410, "The resourceVersion for the provided list is too old.")
        found = sorted(self.snapshot(revision).items())
        items = [(at, object) for (_, name), (at, object) in found if name > start and selector.matches(object)]
        page = items[:limit] if limit else items
        left = len(items) - len(page)
        return Page(page, revision, _token(revision, page[-1][1]) if left else "", left)

    def snapshot(self, revision: int) -> dict[Key, tuple[int, Object]]:
        """What there was at a revision, each with its own."""
        found: dict[Key, tuple[int, Object]] = {}
        for change in self._changes:
            if change.revision > revision:
                break
            if change.after is None:
                del found[change.key]
            else:
                found[change.key] = change.revision, change.after
        return found

    def since(self, revision: int) -> list[Change]:
        """
        What has changed since.

        @raise Refusal: when that is too long ago.
        """
        if revision < self.oldest:
            raise tooOld(revision, self.oldest)
        return [change for change in self._changes if change.revision > revision]

    def _change(self, key: Key, after: Object | None) -> Change:
        _, before = self.snapshot(self.revision).get(key, (0, None))
        assert before or after, f"there is no {key}"
        self.revision += 1
        change = Change(self.revision, key, before, after)
        self._changes.append(change)
        return change

    def _continued(self, token: str) -> tuple[int, str]:
        try:
            known = json.loads(base64.urlsafe_b64decode(token))
            revision, start = int(known["rv"]), str(known["start"])
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, "continue key is not valid") from None
        if revision < self.oldest:
            raise Refusal(410, EXPIRED_CONTINUE)
        return revision, start


def keyOf(object: Object) -> Key:
    """Under which it is stored."""
    return object["metadata"]["namespace"], object["metadata"]["name"]


def _token(revision: int, last: Object) -> str:
    known = {"v": "meta.k8s.io/v1", "rv": revision, "start": last["metadata"]["name"]}
    return base64.urlsafe_b64encode(json.dumps(known).encode()).decode()
