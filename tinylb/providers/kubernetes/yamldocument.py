"""Parses YAML or JSON; JSON is nearly a subset of YAML."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import yaml

from tinylb.addresses import quote
from tinylb.providers.kubernetes.document import InvalidDocument, Part

_MERGE = "tag:yaml.org,2002:merge"


def parseDocument(content: bytes) -> Part:
    """
    @param content: YAML or JSON, in UTF-8.
    @raise InvalidDocument: when it is neither, or not an object.
    """
    return Part("", _load(content))


def _load(content: bytes) -> object:
    if content.lstrip().startswith(b"{"):
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            pass  # it may still be YAML; if not, the YAML parser says where it is wrong
    try:
        return yaml.load(content, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f"line {mark.line + 1} column {mark.column + 1}: "
        raise InvalidDocument(f"{where}{error.problem or error.context}; YAML is expected") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidDocument(f"{' '.join(str(error).split())}; YAML is expected") from None
    except RecursionError:
        raise InvalidDocument("nested too deeply; YAML is expected") from None


class _Loader(yaml.SafeLoader):
    """
    Refuses equal keys, of which L{yaml.SafeLoader} would silently keep the last. The loader in C is ten times as quick,
    but a file takes only two milliseconds, and a deeply nested one would crash the process.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in found:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {quote(key.value)} stands twice in one object", key.start_mark
                    )
                found.add(key.value)
        return super().construct_mapping(node, deep)
