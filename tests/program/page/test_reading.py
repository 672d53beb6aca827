"""The live page can be read by everybody: by day and night, on a phone, without a mouse, and whatever ids there are."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.program.browser import Page
from tests.program.page.visit import HEARS, Visit, focusOn, hasHappened, waitForIds, writeMany
from tests.program.stage import LOOPBACK, Stage

PHONE: dict[str, Any] = {"width": 360, "height": 740}

HOSTILE = [
    "</td></tr></table></main>",
    "<img src=x onerror=alert(1)>",
    '<script src="//example.com/x.js"></script>',
    "__proto__",
    "constructor",
    "{{7*7}}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "x" * 300,
    "日本語",
]

# The colour of each text, and the paper that it stands on, as they are drawn.
CONTRASTS = """
(() => {
  const luminance = (colour) => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const paper = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const isText = (node) => [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
  const texts = [...document.body.querySelectorAll("*")].filter((node) => isText(node) && node.getClientRects().length);
  return texts.map((node) => {
    const [one, other] = [getComputedStyle(node).color, paper(node)].map(luminance).sort((a, b) => b - a);
    return [node.textContent.trim().slice(0, 40), (one + 0.05) / (other + 0.05)];
  });
})()
"""


def everyState(stage: Stage, visit: Visit, **look: Any) -> Page:
    """A page with as much as possible on it."""
    servers = stage.servers("a", "b")
    stage.write({**servers, "dead": "127.0.0.1:1"})
    tinylb = stage.follow("--status", LOOPBACK, "--check", "tcp", "--check-interval", "0.1")
    page = visit.open(tinylb, **look)
    page.waitFor(f"{HEARS} && document.querySelector('#backends .badge.dead')")
    stage.nameOf(tinylb)
    page.waitFor("document.querySelector('#events li') && document.querySelector('#decisions .badge.dead')")
    stage.writeText("{")
    page.waitFor("document.querySelector('.notice')")
    page.waitFor("document.getAnimations().length == 0")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours(stage: Stage, visit: Visit, scheme: str) -> None:
    """By day it is dark on light, at night light on dark, and each text has the contrast that WCAG 2 calls AA."""
    page = everyState(stage, visit, prefers_color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (min(paper) > 200) if scheme == "light" else (max(paper) < 60)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    assert [(text, ratio) for text, ratio in contrasts if ratio < 4.5] == []


@pytest.mark.parametrize("width", [320, 360, 600, 1100])
def test_narrow(stage: Stage, visit: Visit, width: int) -> None:
    """Whatever the width, and however long the ids, nobody has to scroll sideways, and nothing is cut off."""
    stage.write(dict.fromkeys([*HOSTILE, *(f"cp-{number}" for number in range(12))], "127.0.0.1:1"))
    page = visit.follow(width=width, height=740)
    assert page.evaluate("innerWidth") == width
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = (
        "[...document.body.querySelectorAll('*')].filter(each => !each.closest('svg'))"
        f".filter(each => each.getBoundingClientRect().right > {width}).map(each => each.outerHTML)"
    )
    assert page.evaluate(outside) == []


def test_totals(stage: Stage, visit: Visit) -> None:
    """The six figures stand in one row, two or three, and in none of them alone; each has room for what it says."""
    stage.servers("a")
    page = visit.follow()
    columns = "getComputedStyle(document.getElementById('totals')).gridTemplateColumns.split(' ').length"
    texts = "[...document.querySelectorAll('#totals dt, #totals dd')]"
    found = []
    for width in range(320, 1421, 20):
        page.look(width=width)
        found.append(page.evaluate(columns))
        assert page.evaluate(f"{texts}.every(each => each.scrollWidth <= each.clientWidth)"), width
    assert sorted(found) == found
    assert set(found) == {2, 3, 6}


def test_headings(stage: Stage, visit: Visit) -> None:
    """However wide it is, what belongs together in a heading stays together."""
    stage.servers("a")
    page = visit.follow()
    page.waitFor(HEARS)
    top = "document.getElementById('{}').getBoundingClientRect()"
    for width in range(320, 1421, 20):
        page.look(width=width)
        assert page.evaluate(f"{top.format('each')}.top < {top.format('pause')}.bottom"), width
        assert page.evaluate(f"{top.format('pause')}.top < {top.format('each')}.bottom"), width


def test_hostileIds(stage: Stage, visit: Visit) -> None:
    """An id is text, whatever is in it: nothing of it becomes part of the page, or is run."""
    stage.write(dict.fromkeys(HOSTILE, "127.0.0.1:1"))
    page = visit.follow()
    waitForIds(page, *sorted(HOSTILE))
    page.waitFor("document.getElementById('decisions').children.length == 12")
    assert page.evaluate("document.querySelectorAll('main img, main script, body > table').length") == 0
    assert page.complaints() == []


def test_deceivingIds(stage: Stage, visit: Visit) -> None:
    """Characters that nobody sees, or that turn the writing round, are shown as such; a text has an end."""
    stage.servers("a")
    page = visit.follow()
    texts = ["a\N{RIGHT-TO-LEFT OVERRIDE}b", "c\x00d\ne", "x" * 10_000]
    made = f"{json.dumps(texts)}.map(text => dom.element('p', '', text).textContent)"
    assert page.evaluate(f"import('/dom.js').then(dom => {made})") == ["a\ufffdb", "c\ufffdd\ufffde", "x" * 400 + "…"]


def test_keyboard(stage: Stage, visit: Visit) -> None:
    """With the keyboard alone backends are found, sorted, and all of them shown; what has the focus is marked."""
    writeMany(stage, 200)
    page = visit.follow()
    first = [f"cp-{number:03}" for number in range(1, 201)]
    waitForIds(page, *first[:30])
    focusOn(page, "#more-backends")
    page.press("Enter")
    waitForIds(page, *first)
    focusOn(page, "#filter")
    page.type("CP-01 tier 0")
    waitForIds(page, *first[9:19])
    assert page.texts("#shown") == ["10 of 200"]
    focusOn(page, "th[data-sort=id] button")
    page.press("Enter")
    waitForIds(page, *first[9:19])
    page.press("Space")
    waitForIds(page, *reversed(first[9:19]))
    assert page.evaluate("document.querySelector('[data-sort=id]').getAttribute('aria-sort')") == "descending"


def test_pause(stage: Stage, visit: Visit) -> None:
    """Who wants to read in peace can stop the events, or leave out those of connections, by the keyboard as well."""
    stage.servers("a")
    tinylb = stage.follow("--status", LOOPBACK)
    page = visit.open(tinylb)
    page.waitFor(HEARS)
    stage.nameOf(tinylb)
    page.waitFor(hasHappened("is at a"))
    focusOn(page, "#pause")
    page.press("Space")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    stage.servers("a", "b")
    waitForIds(page, "a", "b")
    page.waitFor(f"performance.now() > {page.evaluate('performance.now()')} + 500")
    assert "set 2" not in page.texts("#events")[0]
    page.press("Space")
    page.waitFor(hasHappened("set 2: "))
    focusOn(page, "#each")
    page.press("Space")
    page.waitFor("!" + hasHappened("is at a"))
    assert "set 2: " in page.texts("#events")[0]


@pytest.mark.parametrize("look", [{}, PHONE], ids=["desk", "phone"])
def test_structure(stage: Stage, visit: Visit, look: dict[str, Any]) -> None:
    """A screen reader finds headings, lists, and a table with headers, on a phone too; and is told of trouble only."""
    stage.servers("a")
    page = visit.follow(**look)
    roles = page.roles()
    assert [name for role, name in roles if role == "heading"] == [
        f"tinylb {page.evaluate('location.host')}",
        "Backends",
        "Latest decisions",
        "Live events",
    ]
    assert ("table", "Backends") in roles
    headers = [name.rstrip(" ↑") for role, name in roles if role == "columnheader"]
    assert headers == ["Backend", "State", "Open", "New", "To backend", "To clients"]
    assert sum(role == "rowheader" for role, _ in roles) == 1
    assert sum(role in ("cell", "gridcell") for role, _ in roles) == 5
    assert page.evaluate("document.querySelectorAll('[aria-live], [role=alert], [role=status]').length") == 1
    assert page.texts("[role=status]") == [""]


def test_calm(stage: Stage, visit: Visit) -> None:
    """Nothing is animated for who does not want that."""
    stage.servers("a")
    animation = "getComputedStyle(document.querySelector('#decisions li')).animationName"
    for preference, name in (("reduce", "none"), ("no-preference", "arrive")):
        page = visit.follow(prefers_reduced_motion=preference)
        page.waitFor("document.querySelector('#decisions li')")
        assert page.evaluate(animation) == name


def test_many(stage: Stage, visit: Visit) -> None:
    """With 200 backends it takes less than half of a core, though all of them are shown."""
    writeMany(stage, 200)
    page = visit.follow()
    page.evaluate("document.getElementById('more-backends').click()")
    page.waitFor("document.querySelectorAll('#backends tr').length == 200")
    begun, busy = time.monotonic(), page.measure()["TaskDuration"]
    page.waitFor(f"performance.now() > {page.evaluate('performance.now()')} + 3000")
    assert page.measure()["TaskDuration"] - busy < 0.5 * (time.monotonic() - begun)


RATES = """
import("/rates.js").then(({ Rates }) => {
  const rates = new Rates();
  const take = (seconds, count) => {
    const backends = [{ target: "a", connections: 1, opened: count, bytesIn: count, bytesOut: count }];
    rates.take({ backends, unserved: { "no-backends": count } }, seconds);
    return [rates.totals.opened.latest, rates.unserved.latest];
  };
  return [take(0, 5), take(1, 15), take(3, 75), take(3.5, 99), take(5, 70), take(6, 72), take(16, 100)];
})
"""


def test_rates(stage: Stage, visit: Visit) -> None:
    """All charts have what a second had, however long ago the last look was; what nobody knows is left out."""
    stage.servers("a")
    rates = [(None, None), (10, 10), (30, 30), (30, 30), (0, None), (2, 2), (None, None)]
    assert [tuple(each) for each in visit.follow().evaluate(RATES)] == rates


DECISIONS = """
Promise.all([import("/decisions.js"), import("/dom.js")]).then(([{ Decisions }, { byId }]) => {
  const decisions = new Decisions();
  const of = (what, count, why) =>
    [...Array(count).keys()].map((number) => ({ time: null, backend: `${what} ${number}`, what, why }));
  const take = (why) => decisions.take([...of("added", 20, "it came"), ...of("picked", 20, why)]);
  take("1 pick");
  const before = [...byId("decisions").children];
  take("2 picks");
  const after = [...byId("decisions").children];
  return [after.map((item) => item.innerText.split("\\n").pop()), after.every((item, at) => item === before[at])];
})
"""


def test_decisions(stage: Stage, visit: Visit) -> None:
    """What is so at present comes first, and leaves room for what has happened; a count that grows moves nothing."""
    stage.servers("a")
    page = visit.follow()
    page.hide(isHidden=True)
    texts, areSame = page.evaluate(DECISIONS)
    assert texts == [
        *(f"picked {number} picked 2 picks" for number in range(6)),
        *(f"added {number} added it came" for number in range(6)),
    ]
    assert areSame


WORDING = {
    "count(0)": "0",
    "count(999999)": "999,999",
    "count(1234567)": "1.2 M",
    "count(1e30)": "1.0e+6 Y",
    "bytes(999)": "999 B",
    "bytes(1000)": "1.0 kB",
    "bytes(999499)": "999 kB",
    "bytes(999500)": "1.0 MB",
    "bytes(12345678901)": "12 GB",
    "perSecond(0)": "0/s",
    "perSecond(0.25)": "0.3/s",
    "perSecond(12.5)": "13/s",
    "perSecond(null)": "\N{EN DASH}",
    "bytesPerSecond(1500)": "1.5 kB/s",
    "lasting(-3)": "0 s",
    "lasting(59.9)": "59 s",
    "lasting(3599)": "59 min",
    "lasting(7322)": "2 h 2 min",
    "lasting(86400)": "1 day",
    "measured(0.0042)": "4 ms",
    "measured(4.26)": "4.3 s",
    "clock(new Date('nonsense'))": "\N{EN DASH}",
}


def test_wording(stage: Stage, visit: Visit) -> None:
    """Figures are short, however large they are, and a unit stays with its figure."""
    stage.servers("a")
    page = visit.follow()
    calls = ", ".join(f"words.{call}" for call in WORDING)
    said = page.evaluate(f"import('/wording.js').then(words => [{calls}])")
    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in said] == list(WORDING.values())
