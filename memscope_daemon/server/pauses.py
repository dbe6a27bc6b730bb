"""Who wants nothing to be sampled, and when a user did: a value. In force is what anybody wants."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from memscope_daemon.errors import TrackingError
from memscope_daemon.model.report import SamplingPause

Spans = tuple[tuple[int, int | None], ...]
PAUSES_MAX = 1_000
_PAUSES = "pauses"  # a name in the table meta


@dataclasses.dataclass(frozen=True, slots=True)
class Pauses:
    """``spans``: of a user's pauses, from and until, in session time. The last one may be open (None)."""

    by_budget: bool = False
    spans: Spans = ()

    @property
    def by_user(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] is None

    @property
    def in_force(self) -> bool:
        return self.by_budget or self.by_user

    def asked(self, paused: bool, now_ns: int) -> Pauses:
        """A user says so at ``now_ns``; what is so already stays as it is.

        :raises TrackingError: code ``session.too-many-pauses``.
        """
        if paused == self.by_user:
            return self
        if not paused:
            since_ns, _ = self.spans[-1]
            return dataclasses.replace(self, spans=(*self.spans[:-1], (since_ns, max(now_ns, since_ns))))
        if len(self.spans) >= PAUSES_MAX:
            raise TrackingError(
                "session.too-many-pauses", f"it was paused {PAUSES_MAX} times already", "detach it instead"
            )
        return dataclasses.replace(self, spans=(*self.spans, (now_ns, None)))

    def until(self, end_ns: int) -> tuple[SamplingPause, ...]:
        """Those of users as they stand at ``end_ns``."""
        return tuple(
            SamplingPause(since_ns, max(end_ns, since_ns) if until_ns is None else until_ns, "user")
            for since_ns, until_ns in self.spans
        )

    def noted(self) -> dict[str, str]:
        """To be stored by name. The budget's is told by its steps."""
        return {_PAUSES: json.dumps(self.spans)}


def recalled_spans(notes: Mapping[str, str]) -> Spans:
    """As they were noted."""
    return tuple((since_ns, until_ns) for since_ns, until_ns in json.loads(notes.get(_PAUSES, "[]")))
