"""The raw samples of a session, read from its stored file by SQL of our own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb

FREE = 2
ROWS = f"""
SELECT f.text AS function, g.text AS file, frames.line AS line, e.domain, e.size_bytes, e.weight,
       e.allocation_id IN (SELECT allocation_id FROM events WHERE kind = {FREE}) AS is_freed
FROM events e
LEFT JOIN stack_frames s ON s.stack_id = e.stack_id AND s.position = 0
LEFT JOIN frames USING (frame_id)
LEFT JOIN strings f ON f.string_id = frames.function_string_id
LEFT JOIN strings g ON g.string_id = frames.file_string_id
WHERE e.kind <> {FREE}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A sampled block; ``function`` and the rest of the innermost frame are empty without a stack."""

    function: str
    file: str
    line: int
    domain: int
    size_bytes: int
    weight: float
    is_freed: bool


def read_samples(store_path: str | Path) -> list[Sample]:
    """Every sampled allocation of a session that has ended."""
    with duckdb.connect(str(store_path), read_only=True) as connection:
        rows = connection.execute(ROWS).fetchall()
    return [Sample(row[0] or "", row[1] or "", row[2] or 0, *row[3:]) for row in rows]
