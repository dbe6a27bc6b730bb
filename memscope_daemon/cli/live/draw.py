"""A frame: exactly as many lines as the terminal has, none wider than it is. Pure."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from memscope_client import Session
from memscope_daemon.cli.live import head
from memscope_daemon.cli.live.grid import NOT_KNOWN, grid
from memscope_daemon.cli.live.moment import Moment
from memscope_daemon.cli.live.rows import rows_of
from memscope_daemon.cli.live.view import Group, View, kept_within
from memscope_daemon.cli.text import DASH

TABLE_ROWS_MIN = 12  # what the table keeps before threads get lines of their own
THREAD_ROWS_MAX = 8
KEYS = ("h help", "s sort", "g group", "space hold", "p pause", "+/- sampling", "m mark", "arrows scroll")
HELP = (
    ("s  S", "sort by live, allocated, samples or rate; S goes back"),
    ("g", "group by site, function, file or thread"),
    ("space", "hold the view: figures stand still, the session goes on"),
    ("p", "pause the sampling of the target, or go on"),
    ("+  -", "sample twice as often, or half as often"),
    ("m", "set a mark; its label is asked for on the last line"),
    ("↑ ↓ PgUp PgDn", "scroll the table; Home, End; Ctrl-L draws anew"),
    ("h  ?", "this help"),
    ("", ""),
    (f"1.5 MiB (1.1{DASH}2.0)", "an estimate, its 95 % interval; = nothing was estimated"),
    ("samples", "how many the first figure of the line rests on"),
    ("rate", "bytes allocated per second, over the time told above"),
    (NOT_KNOWN, "not known: it was not among those that hold most"),
)


class Size(NamedTuple):
    width: int
    height: int


class Frame(NamedTuple):
    """``lines``: of the screen. ``view``: scrolled to where there are rows. ``page``: rows that are shown."""

    lines: list[Text]
    view: View
    page: int


def frame(session: Session, moment: Moment | None, view: View, size: Size, leaving: str) -> Frame:
    """``leaving``: what the key q does; its first word stands on the last line."""
    width, height = size
    top = _top(session, moment, view, width)[: max(height - 3, 1)]
    room = Size(width, max(height - len(top) - 1, 0))
    if view.helps or moment is None or room.height < 2:
        body, page = _help(leaving)[: room.height] if view.helps else [], 1
    else:
        body, view, page = _body(moment, view, room)
    lines = [*top, *body]
    lines += [Text()] * (height - 1 - len(lines))
    lines.append(_last(view, width, leaving))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Frame(lines[:height], view, page)


def _top(session: Session, moment: Moment | None, view: View, width: int) -> list[Text]:
    title = head.title(session, view, width)
    if moment is None:
        return [title, Text("waiting for the first figures")]
    told = [title, *head.not_seen(moment, width)]
    return told if view.helps else [*told, *head.figures(moment)]


def _body(moment: Moment, view: View, size: Size) -> tuple[list[Text], View, int]:
    """The table, and where there is room the threads under it; the view within it; how many rows fit."""
    rows = rows_of(moment, view.group, view.sort)
    threads = _threads(moment, view, size)
    page = size.height - 1 - len(threads)
    view = kept_within(view, len(rows), page)
    shown = rows[view.top : view.top + page]
    body = grid(shown, view.sort, size.width, _title(view.group, view.top, len(shown), len(rows)))
    if not rows:
        body.append(Text("nothing was sampled yet", style="dim"))
    return [*body, *[Text()] * (page + 1 - len(body)), *threads], view, page


def _threads(moment: Moment, view: View, size: Size) -> list[Text]:
    """An empty line, and the threads that come first by what the table is sorted by."""
    spare = size.height - TABLE_ROWS_MIN - 3
    rows = rows_of(moment, Group.THREAD, view.sort)
    if view.group is Group.THREAD or spare < 1 or not rows:
        return []
    shown = rows[: min(spare, THREAD_ROWS_MAX)]
    return [Text(), *grid(shown, view.sort, size.width, _title(Group.THREAD, 0, len(shown), len(rows)))]


def _title(group: Group, top: int, shown: int, count: int) -> str:
    """``site``, or ``site · 3–14 of 60`` where not all are shown."""
    return f"{group.value} · {top + 1}{DASH}{top + shown} of {count}" if 0 < shown < count else group.value


def _help(leaving: str) -> list[Text]:
    return [Text.assemble((f"  {key:<20}", "bold"), what) for key, what in (("q", leaving), *HELP)]


def _last(view: View, width: int, leaving: str) -> Text:
    """The label that is being typed, the last answer, or as many keys as fit."""
    if view.typed is not None:
        asked = Text.assemble(("mark: ", "bold"), view.typed, ("_", "reverse"))
        return asked.append("  enter sets it, esc does not", style="dim")
    if view.remark:
        return Text(view.remark, style="bold")
    shown = f"q {leaving.split()[0]}"
    for key in KEYS:
        if len(shown) + len(key) + 2 > width:
            break
        shown += f"  {key}"
    return Text(shown, style="dim")
