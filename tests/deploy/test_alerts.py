"""The rules for Prometheus: they ask for series that there are, and the documents say what to do about each."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.documents import ROOT, document, quoted
from tinylb import CloseReason, DialFailure, Verdict

FILE = ROOT / "deploy" / "prometheus" / "alerts.yaml"
METRICS = document("docs/metrics.md")

VALUES = {
    "state": {each.value for each in Verdict},
    "reason": {each.value for each in CloseReason},
    "kind": {each.value for each in DialFailure},
    "job": {"tinylb"},
}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """All of them."""
    yaml = pytest.importorskip("yaml")
    (group,) = yaml.safe_load(FILE.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_series(rules: list[dict[str, Any]]) -> None:
    """Each metric that a rule asks for has its row there, with the labels asked for, which may have those values."""
    rows = METRICS.rows("metric", "type", "labels", "meaning", "what to do")
    known = {quoted(name)[0]: {*quoted(labels), "job"} for name, _, labels, *_ in rows} | {"up": {"job"}}
    for rule in rules:
        asked = re.findall(r"\b((?:tinylb|process)_\w+|up\b)(?:\{([^}]*)\})?", rule["expr"])
        assert asked, rule["alert"]
        for name, selector in asked:
            for label, values in re.findall(r'(\w+)[=!~]+"([^"]*)"', selector):
                assert label in known[name], rule["alert"]
                assert set(values.split("|")) <= VALUES[label], rule["alert"]
            assert name in known, rule["alert"]


def test_documented(rules: list[dict[str, Any]]) -> None:
    """Each alert has a row, in this order; those who are to be woken are told so."""
    rows = METRICS.rows("alert", "when", "what to do")
    assert [quoted(row[0])[0] for row in rows] == [rule["alert"] for rule in rules]
    for row, rule in zip(rows, rules, strict=True):
        assert row[1].startswith("**at once**") is (rule["labels"]["severity"] == "page"), rule["alert"]
