"""How far the figures of a session can be trusted, and by how much losses widen them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.report import Quality
from memscope_daemon.query.evidence import Evidence, unseen

GOOD_BELOW = 0.05
FAIR_BELOW = 0.15

#: Causes by which an event loses its stack or thread, and is still recorded.
ONLY_NAMES = frozenset({"stack_lost", "code_lost", "thread_lost"})


@dataclasses.dataclass(frozen=True, slots=True)
class Margins:
    """What was lost, weighted. An event lost without saying of which kind counts as either."""

    allocated_bytes: float = 0.0
    allocated_count: float = 0.0
    freed_bytes: float = 0.0
    freed_count: float = 0.0


def margins(losses: Iterable[LossRow]) -> Margins:
    """The sums over all causes that lose events."""
    allocated = [loss for loss in losses if _loses(loss) and not loss.cause.startswith("free_")]
    freed = [loss for loss in losses if _loses(loss) and not loss.cause.startswith("alloc_")]
    return Margins(
        sum(loss.weighted_bytes for loss in allocated),
        sum(loss.weighted_count for loss in allocated),
        sum(loss.weighted_bytes for loss in freed),
        sum(loss.weighted_count for loss in freed),
    )


def assess(evidence: Evidence) -> Quality:
    """Losses, their share, and the grade: exact, good (< 5 % lost), fair (< 15 %), poor."""
    lost = sum(loss.record_count for loss in evidence.losses if _loses(loss))
    recorded = evidence.event_count
    rate = lost / (lost + recorded) if lost else 0.0
    bound = unseen(evidence).bytes
    grade = "exact" if not lost and bound == 0.0 else _grade(rate)
    return Quality(grade, rate, recorded, lost, evidence.losses, bound, evidence.unresolved_count)


def _grade(drop_rate: float) -> str:
    if drop_rate < GOOD_BELOW:
        return "good"
    return "fair" if drop_rate < FAIR_BELOW else "poor"


def _loses(loss: LossRow) -> bool:
    return loss.cause not in ONLY_NAMES
