"""The course of a session as its clients follow it: its clock, a point each second, and marks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from memscope_daemon import clock
from memscope_daemon.errors import ConfigurationError, TrackingError
from memscope_daemon.model.report import Mark
from memscope_daemon.model.session import SessionInfo
from memscope_daemon.query.figures import totals
from memscope_daemon.server.points import Held, Points
from memscope_daemon.server.recording import Recording

LABEL_CHARACTERS_MAX = 200
MARKS_MAX = 10_000
SECOND_NS = 1_000_000_000
#: A shipper that has sent nothing for so long had nothing to send: what is known is known up to then.
QUIET_NS = 2_000_000_000
TIME_MAX_NS = 2**63 - 1
_MARK = "mark "  # begins the names of marks in the table meta


class Course:
    """Of one session. Belongs to its actor, but for what is said to be of any thread."""

    def __init__(self, folder: Path, started_unix_ns: int, *, is_fresh: bool) -> None:
        """``folder``: for what is old. ``is_fresh``: no daemon before this one had the session."""
        self.points = Points(folder)
        self._started_unix_ns, self._is_fresh = started_unix_ns, is_fresh
        self._offset_ns: int | None = None
        self._heard_ns, self._known_ns = clock.monotonic_ns(), 0
        self._marks: list[Mark] = []
        self._due_ns = 0
        self._state: object = None
        self._held: Held | None = None

    @property
    def now_ns(self) -> int:
        """Session time, as close as can be told from here. Any thread."""
        if self._offset_ns is None:
            return self._age_ns
        return min(max(clock.monotonic_ns() + self._offset_ns, 0), TIME_MAX_NS)

    @property
    def _age_ns(self) -> int:
        """By the wall clock, which somebody may have set since."""
        return max(clock.unix_ns() - self._started_unix_ns, 0)

    def heard(self, time_ns: int, monotonic_ns: int) -> None:
        """A batch of that session time came. The one that was least on its way tells the time best."""
        self._heard_ns = monotonic_ns
        offset_ns = time_ns - monotonic_ns
        self._offset_ns = offset_ns if self._offset_ns is None else max(self._offset_ns, offset_ns)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """In order of time. Any thread."""
        return tuple(self._marks)

    def marks_between(self, first: int, last: int) -> list[Mark]:
        """Of any thread."""
        return self._marks[first:last]

    def mark(self, time_ns: int, label: str, store: Callable[[dict[str, str]], None]) -> Mark:
        """Notes down a moment; it is stored first.

        :raises TrackingError: code ``mark.too-many``.
        """
        if len(self._marks) >= MARKS_MAX:
            raise TrackingError(
                "mark.too-many", f"the session has {MARKS_MAX} marks", "leave it at these, or attach again"
            )
        mark = Mark(max(time_ns, self._marks[-1].time_ns if self._marks else 0), label)
        name = f"{_MARK}{len(self._marks):05}"
        store({name: json.dumps({"time_ns": mark.time_ns, "label": mark.label})})
        self._marks.append(mark)
        return mark

    def recall(self, notes: Mapping[str, str]) -> None:
        """The session's file was opened; ``notes`` stand in it."""
        names = sorted(name for name in notes if name.startswith(_MARK))
        self._marks = [Mark(**json.loads(notes[name])) for name in names]
        self._state = None

    def take_point_if_due(self, recording: Recording, session: SessionInfo, *, is_connected: bool) -> None:
        """One each second. ``is_connected``: a shipper is there, and would send what there was."""
        now_ns = clock.monotonic_ns()
        if now_ns >= self._due_ns:
            late_ns = now_ns - self._due_ns
            self._due_ns = (self._due_ns if late_ns < SECOND_NS else now_ns) + SECOND_NS
            if is_connected and now_ns - self._heard_ns > QUIET_NS:
                self._known_ns = max(self._known_ns, self.now_ns - QUIET_NS)
            self.take_point(recording, session)

    def take_point(self, recording: Recording, session: SessionInfo) -> None:
        self._known_ns = max(self._known_ns, recording.time_ns)
        state = (recording.revision, session.state, session.sampling)
        if self._held is None or state != self._state:  # otherwise nothing but time has passed
            self._held = Held(totals(recording.total_evidence(session)))
            self._state = state
        # One a second at most, since the session began: so a daemon after this one can count on. What comes
        # to it first may be old, and tell less than the time that has passed.
        first = 1 if self._is_fresh else max(self.now_ns, self._age_ns) // SECOND_NS + 2
        self.points.add(first, self._known_ns, len(self._marks), self._held)


def check_label(label: str) -> str:
    """Hands a label back that can be shown in one line; else a ConfigurationError."""
    label = label.strip()
    if not label or len(label) > LABEL_CHARACTERS_MAX or not label.isprintable():
        raise ConfigurationError(
            "mark.bad-label",
            "a mark without a label, or with one that is not a short line of text",
            f"choose a label of 1 to {LABEL_CHARACTERS_MAX} printable characters",
        )
    return label
