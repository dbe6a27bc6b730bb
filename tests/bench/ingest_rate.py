"""Events per second and core that one session takes: decoded, added to the live state, stored, committed.

Prints the rate, the bytes on disk for each event, and what the process grew to.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.model.sampling import SamplingMode
from memscope_daemon.server.recording import Recording
from tests.unit.server import mini_shipper

EVENTS = 1 << 16
BATCHES = 64
STACKS = 2003


def made(number: int, random: np.random.Generator) -> pb.Batch:
    """Half allocations, half frees of the same blocks."""
    half = EVENTS // 2
    ids = np.tile(np.arange(half), 2) + 1 + EVENTS * number
    size = np.tile(random.integers(1, 1009, half), 2)
    stack = np.tile(random.integers(1, STACKS, half), 2)
    kind = np.repeat([1, 2], half)
    columns = mini_shipper.events(allocation_id=ids, size_bytes=size, stack_id=stack, kind=kind)
    return mini_shipper.batch(number + 1, columns)


def main() -> None:
    random = np.random.default_rng(7)
    batches = [made(number, random) for number in range(8)]
    batches[0].dictionary.CopyFrom(mini_shipper.dictionary(STACKS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.duckdb"
        recording = Recording(path, SamplingMode.RATE)
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(BATCHES):
            batch = batches[number % len(batches)]
            batch.batch_number = number + 1
            recording.take(batch)
            recording.commit_if_due()
        recording.commit()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        recording.close()
        count = BATCHES * EVENTS
        print(f"{count / cpu / 1e6:.2f} M events/s of CPU time, {count / wall / 1e6:.2f} M of wall time")
        print(f"{path.stat().st_size / count:.1f} bytes on disk for each event")
        print(
            f"resident at most {after_kib / 1024:.0f} MiB, {before_kib / 1024:.0f} MiB before the first event"
        )


if __name__ == "__main__":
    main()
