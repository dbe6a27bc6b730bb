"""How far the figures of a session can be trusted, and by how much losses widen them."""

from __future__ import annotations

import dataclasses

from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.report import Quality
from memscope_daemon.model.session import SessionState
from memscope_daemon.query.evidence import Evidence, unseen, whole

GOOD_BELOW = 0.05
FAIR_BELOW = 0.15

#: Causes by which an event loses its stack or thread, and is still recorded.
ONLY_NAMES = frozenset({"stack_lost", "code_lost", "thread_lost"})

#: Causes of which nobody knows what the records stood for.
UNWEIGHED = frozenset({"shipper_died", "batch_gap", "bad_record", "unaccounted"})

#: Causes by which a record is lost that the target had written.
ON_THE_WAY = frozenset({"shipper_died", "batch_gap", "bad_record"})

#: Written, and neither stored nor lost by any cause that is known. Must stay 0.
UNACCOUNTED = "unaccounted"


@dataclasses.dataclass(frozen=True, slots=True)
class Margins:
    """What was lost, weighted. An event lost without saying of which kind counts as either."""

    allocated_bytes: float = 0.0
    allocated_count: float = 0.0
    freed_bytes: float = 0.0
    freed_count: float = 0.0


NONE_LOST = Margins()


def margins(evidence: Evidence) -> Margins:
    """The sums over all causes that lose events. Where it is not known what the lost records stood for, they
    are taken to have stood for what the recorded ones do on the average."""
    found = [loss for loss in all_losses(evidence) if _loses(loss)]
    if not found:
        return NONE_LOST
    one = _average(evidence)
    losses = [_weighed(loss, one) for loss in found]
    allocated = [loss for loss in losses if not loss.cause.startswith("free_")]
    freed = [loss for loss in losses if not loss.cause.startswith("alloc_")]
    return Margins(
        sum(loss.weighted_bytes for loss in allocated),
        sum(loss.weighted_count for loss in allocated),
        sum(loss.weighted_bytes for loss in freed),
        sum(loss.weighted_count for loss in freed),
    )


def _average(evidence: Evidence) -> tuple[float, float]:
    """Allocations and bytes that one recorded allocation stands for."""
    allocated = whole(evidence.stacks).allocated
    samples = max(float(allocated.row("samples")[0]), 1.0)
    count = float(allocated.row("sure_weights")[0] + allocated.row("weights")[0])
    size_bytes = float(allocated.row("sure_bytes")[0] + allocated.row("bytes")[0])
    return count / samples, size_bytes / samples


def _weighed(loss: LossRow, one: tuple[float, float]) -> LossRow:
    if loss.cause not in UNWEIGHED:
        return loss
    count = loss.record_count
    return dataclasses.replace(
        loss, weighted_count=max(count * one[0], loss.weighted_count), weighted_bytes=count * one[1]
    )


def all_losses(evidence: Evidence) -> tuple[LossRow, ...]:
    """All causes; of a session that has ended, also what was written and is neither stored nor counted."""
    if evidence.session.state is not SessionState.ENDED:
        return evidence.losses  # what is missing may be on its way
    counted = sum(loss.record_count for loss in evidence.losses if loss.cause in ON_THE_WAY)
    missing = evidence.written_count - evidence.event_count - counted
    if missing <= 0:
        return evidence.losses
    return (*evidence.losses, LossRow(UNACCOUNTED, missing, float(missing), 0.0))


def assess(evidence: Evidence) -> Quality:
    """Losses, their share, and the grade: exact, good (< 5 % lost), fair (< 15 %), poor."""
    losses = all_losses(evidence)
    lost = sum(loss.record_count for loss in losses if _loses(loss))
    recorded = evidence.event_count
    rate = lost / (lost + recorded) if lost else 0.0
    bound = unseen(evidence).bytes
    grade = "exact" if not lost and bound == 0.0 else _grade(rate)
    unresolved, written = evidence.unresolved_count, evidence.written_count
    return Quality(grade, rate, recorded, lost, losses, bound, unresolved, written)


def _grade(drop_rate: float) -> str:
    if drop_rate < GOOD_BELOW:
        return "good"
    return "fair" if drop_rate < FAIR_BELOW else "poor"


def _loses(loss: LossRow) -> bool:
    return loss.cause not in ONLY_NAMES
