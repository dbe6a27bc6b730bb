"""Which of several sessions to look at: a table of them, and the keys that choose. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rich.text import Text

from memscope_client import Session
from memscope_daemon.cli import text
from memscope_daemon.cli.live.draw import Size
from memscope_daemon.cli.output import aligned

HEADS = ("session", "pid", "python", "time", "state", "program")
RIGHT = frozenset(map(HEADS.index, ("pid", "time")))


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """``at``: the row that is marked."""

    at: int = 0


def press(choice: Choice, key: str, count: int) -> Choice:
    moves = {"up": -1, "down": 1, "home": -count, "end": count}
    return Choice(max(min(choice.at + moves.get(key, 0), count - 1), 0))


def lines(sessions: Sequence[Session], choice: Choice, size: Size) -> list[Text]:
    """A screenful: exactly as many lines as the terminal has."""
    room = max(size.height - 3, 1)
    first = max(choice.at - room + 1, 0)
    heading, *rows = table(sessions)
    shown = [
        Text(f"{len(sessions)} sessions: which one?", style="bold"),
        Text(heading.ljust(size.width), style="reverse"),
    ]
    for at, row in enumerate(rows[first : first + room], first):
        marked = at == choice.at
        shown.append(Text(f"{'>' if marked else ' '}{row[1:]}", style="bold" if marked else ""))
    shown += [Text()] * (size.height - 1 - len(shown))
    shown.append(Text("enter shows it · up, down · q leave", style="dim"))
    for line in shown:
        line.truncate(size.width, overflow="ellipsis")
    return shown[: size.height]


def table(sessions: Sequence[Session]) -> list[str]:
    """A heading and a line for each, two characters in."""
    rows = [HEADS, *(_cells(session) for session in sessions)]
    return [f"  {line}" for line in aligned(rows, RIGHT)]


def _cells(session: Session) -> tuple[str, ...]:
    return (
        session.session_id,
        str(session.target.pid),
        text.printable(session.target.python_version) or "not known",
        text.duration_text(session.duration_ns / 1e9),
        "paused" if session.paused and not session.is_ended else session.state,
        text.printable(session.target.program),
    )
