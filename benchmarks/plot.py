"""Results as a picture: a panel for each of the main figures, with a bar for each peer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.process import Failed
from benchmarks.results import SUBJECT, Results
from benchmarks.tables import MAIN, TITLES, figure, peersOf

REFERENCE = "haproxy"
# A longer bar would leave no room to tell the others apart. The number beside it says how long it is.
LONGEST = 2.5
# tinylb chooses the kernel engine by itself where it can: both bars would be the same.
LEFT_OUT = ("tinylb-kernel",)

COLUMNS = 3
PANEL_WIDTH, BAR_HEIGHT, BAR_GAP = 300, 14, 6
LABEL_WIDTH, SCALE_WIDTH, VALUE_WIDTH = 124, 110, 36
HEAD, MARGIN = 40, 14
# The picture has its own background, so it looks the same on a dark page.
PAPER, INK, FAINT = "#ffffff", "#24292f", "#6e7781"
OURS, KIN, OTHERS = "#1a7f5a", "#8fcdb4", "#b6bec8"

Lines = Iterator[str]


def draw(results: Results, path: Path) -> None:
    """
    Write the picture, as SVG.

    @raise Failed: when there is nothing to draw.
    """
    peers = [peer for peer in peersOf(results) if peer not in LEFT_OUT]
    names = [name for name in MAIN if results.ratio(name, SUBJECT, REFERENCE) is not None]
    if not names:
        raise Failed(f"There is nothing to draw without {SUBJECT} and {TITLES[REFERENCE]}")
    columns = min(COLUMNS, len(names))
    height = HEAD + len(peers) * (BAR_HEIGHT + BAR_GAP) + MARGIN
    size = columns * PANEL_WIDTH + 2 * MARGIN, -(-len(names) // columns) * height + 2 * MARGIN + 14
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" '
        f'height="{size[1]}" font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="11" fill="{INK}">',
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
    ]
    for index, name in enumerate(names):
        row, column = divmod(index, columns)
        lines.append(f'<g transform="translate({MARGIN + column * PANEL_WIDTH} {MARGIN + row * height})">')
        lines += _panel(results, name, peers)
        lines.append("</g>")
    lines += [
        _text(size[0] / 2, size[1] - MARGIN, f"Relative to {TITLES[REFERENCE]}; less is better", "middle", FAINT),
        "</svg>",
    ]
    path.write_text("\n".join(lines) + "\n")


def _panel(results: Results, name: str, peers: list[str]) -> Lines:
    _, title, unit = figure(name)
    yield (
        f'<text y="16" font-size="13" font-weight="bold">{escape(title)}'
        f'<tspan font-weight="normal" fill="{FAINT}" dx="6">{escape(unit)}</tspan></text>'
    )
    bottom = HEAD + len(peers) * (BAR_HEIGHT + BAR_GAP)
    for index, peer in enumerate(peers):
        y = HEAD - 10 + index * (BAR_HEIGHT + BAR_GAP)
        ratio = 1.0 if peer == REFERENCE else results.ratio(name, peer, REFERENCE)
        yield _text(LABEL_WIDTH - 6, y + 11, TITLES[peer], "end")
        yield _text(LABEL_WIDTH + SCALE_WIDTH + VALUE_WIDTH, y + 11, "-" if ratio is None else f"{ratio:.2f}", "end")
        if ratio is None:
            continue
        width = min(ratio, LONGEST) / LONGEST * SCALE_WIDTH
        colour = OURS if peer == SUBJECT else KIN if peer.startswith(SUBJECT) else OTHERS
        yield f'<rect x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" fill="{colour}"/>'
        if ratio > LONGEST:
            yield _break(LABEL_WIDTH + SCALE_WIDTH - 12, y)
    one = LABEL_WIDTH + SCALE_WIDTH / LONGEST
    yield f'<path d="M{one} {HEAD - 14}V{bottom - 10}" stroke="{INK}" stroke-dasharray="2 2" stroke-width="1"/>'


def _break(x: float, y: float) -> str:
    """A gap, which shows that the bar is cut."""
    return f'<path d="M{x} {y + BAR_HEIGHT + 1}l4 {-BAR_HEIGHT - 2}" stroke="{PAPER}" stroke-width="3"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
