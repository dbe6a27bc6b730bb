"""The raw samples of a session, read from its stored file by SQL of our own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Iterator
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


@contextlib.contextmanager
def opened(store_path: str | Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the file: the daemon keeps its own open for as long as it may be asked about it."""
    source = Path(store_path)
    with tempfile.TemporaryDirectory() as folder:
        for path in source.parent.glob(f"{source.name}*"):  # with its log
            if path.is_file():
                shutil.copy(path, folder)
        with duckdb.connect(str(Path(folder) / source.name)) as connection:
            yield connection


def read_samples(store_path: str | Path) -> list[Sample]:
    """Every sampled allocation of a session that has ended."""
    with opened(store_path) as connection:
        rows = connection.execute(ROWS).fetchall()
    return [Sample(row[0] or "", row[1] or "", row[2] or 0, *row[3:]) for row in rows]


def stored_count(store_path: str | Path) -> int:
    """How many events the file of a session holds, those included that are forgotten but for their sums."""
    with opened(store_path) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM events").fetchall()
        told = connection.execute("SELECT value FROM meta WHERE name = 'forgotten'").fetchall()
    return int(count) + sum(int(json.loads(text)["event_count"]) for (text,) in told)


def first_event_ns(store_path: str | Path) -> int:
    """When the first event of an ended session happened: nanoseconds since the session began."""
    with opened(store_path) as connection:
        row = connection.execute("SELECT min(time_ns) FROM events").fetchone()
    assert row is not None
    assert row[0] is not None, "the session has no event"
    return int(row[0])
