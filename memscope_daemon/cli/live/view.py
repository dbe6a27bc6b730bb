"""What somebody has chosen to see, and what each key makes of it. Pure: a view and a key in, a view out, and
what is to be asked of the daemon."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

LABEL_CHARACTERS_MAX = 64
PAGE_ROWS = 10


class Sort(enum.Enum):
    LIVE = "live"
    ALLOCATED = "allocated"
    SAMPLES = "samples"
    RATE = "rate"


class Group(enum.Enum):
    SITE = "site"
    FUNCTION = "function"
    FILE = "file"
    THREAD = "thread"


class Ask(enum.Enum):
    """What the daemon is to do."""

    TOGGLE_SAMPLING = "toggle sampling"
    FINER = "finer"
    COARSER = "coarser"
    MARK = "mark"
    LEAVE = "leave"


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """``held``: figures stand still, the session goes on. ``typed``: a label that is being typed, None = none
    is. ``remark``: the last answer, shown until the next key. ``top``: the first row shown."""

    sort: Sort = Sort.LIVE
    group: Group = Group.SITE
    held: bool = False
    helps: bool = False
    typed: str | None = None
    remark: str = ""
    top: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """``label``: of a mark."""

    what: Ask
    label: str = ""


def press(view: View, key: str, page: int = PAGE_ROWS) -> tuple[View, Asked | None]:
    """``key``: one of ``keys``' names, or the character itself. ``page``: rows that PgUp and PgDn go by."""
    if view.typed is not None:
        return _type(view, view.typed, key)
    view = dataclasses.replace(view, remark="")
    if key in ASKS:
        return view, Asked(ASKS[key])
    return dataclasses.replace(view, **_changes(view, key, page)), None


def say(view: View, remark: str) -> View:
    return dataclasses.replace(view, remark=remark)


def kept_within(view: View, row_count: int, shown_count: int) -> View:
    """The same view with its first row where there are rows to show."""
    top = max(min(view.top, row_count - shown_count), 0)
    return view if top == view.top else dataclasses.replace(view, top=top)


ASKS = {
    "q": Ask.LEAVE,
    "p": Ask.TOGGLE_SAMPLING,
    "+": Ask.FINER,
    "=": Ask.FINER,  # the same key without shift, where they share one
    "-": Ask.COARSER,
}
MOVES = {"up": -1, "down": 1}
PAGES = {"page-up": -1, "page-down": 1}
ENDS = {"home": 0, "end": 1 << 30}  # ``kept_within`` knows where the end is


def _changes(view: View, key: str, page: int) -> dict[str, Any]:
    """The fields that a key changes."""
    if key in MOVES or key in PAGES:
        return {"top": max(view.top + MOVES.get(key, 0) + PAGES.get(key, 0) * page, 0)}
    if key in ENDS:
        return {"top": ENDS[key]}
    if key in ("s", "S"):
        return {"sort": _next(view.sort, 1 if key == "s" else -1), "top": 0}
    if key == "g":
        return {"group": _next(view.group, 1), "top": 0}
    if key == " ":
        return {"held": not view.held}
    if key in ("h", "?"):
        return {"helps": not view.helps}
    if key == "m":
        return {"typed": ""}
    return {"helps": False} if key == "escape" else {}


def _next(value: enum.Enum, step: int) -> enum.Enum:
    every = list(type(value))
    return every[(every.index(value) + step) % len(every)]


def _type(view: View, typed: str, key: str) -> tuple[View, Asked | None]:
    """One key of a label."""
    if key == "enter":
        label = typed.strip()
        done = dataclasses.replace(view, typed=None, remark="" if label else "no label, no mark")
        return done, Asked(Ask.MARK, label) if label else None
    if key == "escape":
        return dataclasses.replace(view, typed=None, remark="no mark"), None
    if key == "backspace":
        typed = typed[:-1]
    elif len(key) == 1 and key.isprintable() and len(typed) < LABEL_CHARACTERS_MAX:
        typed += key
    return dataclasses.replace(view, typed=typed), None
