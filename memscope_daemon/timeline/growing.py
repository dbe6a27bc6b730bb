"""Sums for keys that are not known in advance: columns that grow."""

from __future__ import annotations

import numpy as np

from memscope_daemon.model.columns import Array
from memscope_daemon.model.sums import ADDED, LARGEST, Sums


class GrowingSums:
    """Sums over sets numbered from 0. Belongs to one thread."""

    def __init__(self, room: int = 64) -> None:
        self._added = np.zeros((len(ADDED), room))
        self._largest = np.zeros((len(LARGEST), room))
        self.count = 0

    @classmethod
    def of(cls, sums: Sums) -> GrowingSums:
        """Goes on from these."""
        found = cls(max(sums.count, 1))
        found._added[:, : sums.count], found._largest[:, : sums.count] = sums.added, sums.largest
        found.count = sums.count
        return found

    def add(self, keys: Array, samples: Sums) -> None:
        """Adds one sample to the set of each of ``keys``."""
        if not len(keys):
            return
        indices = keys.astype(np.int64)
        self._make_room(int(indices.max()) + 1)
        for row, values in zip(self._added, samples.added, strict=True):
            row[: self.count] += np.bincount(indices, values, self.count)
        for row, values in zip(self._largest, samples.largest, strict=True):
            np.maximum.at(row, indices, values)

    def snapshot(self, count: int) -> Sums:
        """A copy of the first ``count`` sets; sets that were never added to are zero."""
        self._make_room(count)
        return Sums(self._added[:, :count].copy(), self._largest[:, :count].copy())

    def _make_room(self, count: int) -> None:
        if count > self._added.shape[1]:
            more = max(count, 2 * self._added.shape[1]) - self._added.shape[1]
            self._added = np.pad(self._added, ((0, 0), (0, more)))
            self._largest = np.pad(self._largest, ((0, 0), (0, more)))
        self.count = max(self.count, count)
