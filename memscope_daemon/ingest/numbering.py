"""Batch numbers: what was seen already, and what is missing."""

from __future__ import annotations

import dataclasses
import enum


class Verdict(enum.Enum):
    NEW = "new"
    DUPLICATE = "duplicate"  # seen already: acknowledged, not taken
    AFTER_GAP = "after gap"  # batches before it never came


@dataclasses.dataclass(slots=True)
class BatchNumbers:
    """``last``: the highest number taken; ``missing_batches``: how many below it never came."""

    last: int = 0
    missing_batches: int = 0

    def judge(self, number: int) -> Verdict:
        """What to do with batch ``number`` (from 1); nothing changes yet."""
        if number <= self.last:
            return Verdict.DUPLICATE
        return Verdict.NEW if number == self.last + 1 else Verdict.AFTER_GAP

    def take(self, number: int) -> None:
        """Batch ``number``, which is not a duplicate, has been taken."""
        self.missing_batches += number - self.last - 1
        self.last = number
