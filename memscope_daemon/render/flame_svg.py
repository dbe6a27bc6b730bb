"""A flame graph as one SVG file without any script: names and figures stand in tooltips.

The outermost frame is at the bottom, a box is as wide as what was allocated below it, the widest stands left.
Colours tell whose code a frame is. Boxes that would be narrower than :data:`NARROWEST` are left out.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
import zlib
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from memscope_daemon.model.report import Report
from memscope_daemon.model.stacks import NO_FRAME_NAME, Amount, Frame, Origin, StackFigures
from memscope_daemon.render.amounts import MEASURE_NAMES, amount_text, estimate_text, percent_text

WIDTH, MARGIN = 1200.0, 10.0
ROW, LINE = 18, 18
NARROWEST = 0.4
LETTER = 6.7  # the width of one, at the size of a box's text
WORDS_COLUMNS = 165
NO_FRAME = Frame(NO_FRAME_NAME, "", 0, Origin.UNKNOWN)
#: XML 1.0 has no way to write these, not even as references.
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SHADES = 5

STYLE = """
svg { color-scheme: light dark; background: #fff; font: 12px "DejaVu Sans Mono", Menlo, Consolas, monospace; }
text { fill: #1c1c1c; } text.title { font-weight: bold; font-size: 14px; } g text { pointer-events: none; }
rect { stroke: #fff; stroke-width: 0.5; } g:hover rect { stroke: #000; stroke-width: 1.5; }
.user { fill: #f4a259; } .stdlib { fill: #8fb8de; }
.site-packages { fill: #9ccc8f; } .unknown { fill: #c9c9c9; }
.s1 { fill-opacity: .9; } .s2 { fill-opacity: .8; } .s3 { fill-opacity: .7; } .s4 { fill-opacity: .6; }
@media (prefers-color-scheme: dark) {
  svg { background: #17191c; } text { fill: #e8e8e8; }
  rect { stroke: #17191c; } g:hover rect { stroke: #fff; }
  .user { fill: #a8591b; } .stdlib { fill: #2f5f8f; }
  .site-packages { fill: #3f7036; } .unknown { fill: #555; }
}
"""


@dataclasses.dataclass(slots=True)
class _Node:
    """A frame in the tree, and the sums of all stacks that pass through it."""

    frame: Frame
    value: float = 0.0
    variance: float = 0.0
    sample_count: int = 0
    children: dict[Frame, _Node] = dataclasses.field(default_factory=dict)

    def add(self, amount: Amount) -> None:
        self.value += amount.value
        self.variance += amount.variance
        self.sample_count += amount.sample_count


@dataclasses.dataclass(frozen=True, slots=True)
class _Box:
    node: _Node
    depth: int
    left: float
    width: float


def render(report: Report, stacks: Iterable[StackFigures], measure: str) -> bytes:
    """The file, of one measure."""
    root = _tree(stacks, measure)
    boxes = list(_boxes(root))
    words = _words(report, measure)
    levels = max((box.depth for box in boxes), default=0) + 1
    top = MARGIN + LINE * (len(words) + 1)
    height = top + levels * ROW + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" width="{WIDTH:.0f}"'
        f' height="{height:.0f}" role="img">',
        f"<title>{_safe(words[0])}</title>",
        f"<style>{STYLE}</style>",
        *_head(words),
        *(_drawn(box, top + (levels - 1 - box.depth) * ROW, root.value, measure) for box in boxes),
        "</svg>\n",
    ]
    return "\n".join(lines).encode()


def _tree(stacks: Iterable[StackFigures], measure: str) -> _Node:
    root = _Node(Frame("all", "", 0, Origin.UNKNOWN))
    for stack in stacks:
        amount = stack.of(measure)
        if amount.value <= 0.0:
            continue
        node = root
        node.add(amount)
        for frame in stack.frames or (NO_FRAME,):
            node = node.children.get(frame) or node.children.setdefault(frame, _Node(frame))
            node.add(amount)
    return root


def _boxes(root: _Node) -> Iterator[_Box]:
    """Those that are wide enough to be seen, each before what stands on it."""
    if root.value <= 0.0:
        return
    scale = (WIDTH - 2 * MARGIN) / root.value
    waiting = [_Box(root, 0, MARGIN, WIDTH - 2 * MARGIN)]
    while waiting:
        box = waiting.pop()
        yield box
        left = box.left
        for node in sorted(box.node.children.values(), key=lambda node: -node.value):
            width = node.value * scale
            if width < NARROWEST:
                break
            waiting.append(_Box(node, box.depth + 1, left, width))
            left += width


def _words(report: Report, measure: str) -> tuple[str, ...]:
    """What stands above the graph: whose it is, what it cannot see, how good it is."""
    target, quality = report.session.target, report.quality
    total = estimate_text(getattr(report.figures, measure), measure)
    who = f"{target.program or 'python'} · pid {target.pid} · CPython {target.python_version}"
    lines = (
        f"{who} · {MEASURE_NAMES[measure]}: {total}",
        *report.preface,
        f"quality: {quality.grade} · {quality.recorded_count:,} samples recorded, {quality.lost_count:,} lost"
        f" ({quality.drop_rate:.1%}) · ± is the standard error of a box; intervals stand in the report",
    )
    return tuple(part for line in lines for part in textwrap.wrap(line, WORDS_COLUMNS) or [""])


def _head(words: tuple[str, ...]) -> Iterator[str]:
    for index, line in enumerate(words):
        style = ' class="title"' if index == 0 else ""
        yield f'<text x="{MARGIN:.0f}" y="{MARGIN + LINE * (index + 0.8):.0f}"{style}>{_safe(line)}</text>'


def _drawn(box: _Box, top: float, whole: float, measure: str) -> str:
    node, frame = box.node, box.node.frame
    amount = Amount(node.value, node.variance, node.sample_count)
    name = frame.function or "?"
    where = f" ({frame.file or '?'}:{frame.line})" if frame.file or frame.line else ""
    share = percent_text(node.value / whole)
    shade = zlib.crc32(f"{name}{where}".encode("utf-8", "surrogatepass")) % SHADES
    room = int((box.width - 6) / LETTER)
    shown = name if len(name) <= room else f"{name[: room - 1]}…"
    text = f'<text x="{box.left + 3:.1f}" y="{top + 13:.0f}">{_safe(shown)}</text>' if room >= 3 else ""
    return (
        f"<g><title>{_safe(name + where)}\n{amount_text(amount, measure)}, {share} of all</title>"
        f'<rect class="{frame.origin} s{shade}" x="{box.left:.1f}" y="{top:.0f}" width="{box.width:.1f}"'
        f' height="{ROW}" rx="2"/>{text}</g>'
    )


def _safe(text: str) -> str:
    return escape(NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))
