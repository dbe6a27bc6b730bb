"""What the system monitor costs the daemon: processor time of its thread, by the number of targets.

    python tests/bench/monitor_cost.py [SECONDS]

Prints the share of one processor altogether and for each target, and how far apart the looks were.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from itertools import pairwise

from memscope_daemon.attach import procfs
from memscope_daemon.monitor.sampler import Sampler

TARGETS = (1, 8, 24)
THREADS = 16  # of each target
PROGRAM = f"""
import threading, time
for _ in range({THREADS - 1}):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
print(flush=True)
input()
"""


class Subject:
    is_over = False

    def __init__(self) -> None:
        self.times_ns: list[float] = []

    def live(self) -> tuple[float, float]:
        return 0.0, 0.0

    def put(self, row: tuple[float, ...]) -> None:
        self.times_ns.append(row[0])


def measure(count: int, seconds: float) -> None:
    targets = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(count)
    ]
    sampler, subjects = Sampler(), [Subject() for _ in targets]
    try:
        for target, subject in zip(targets, subjects, strict=True):
            assert target.stdout is not None
            target.stdout.readline()
            sampler.watch(target.pid, procfs.start_time_ticks(target.pid), subject)
        before, began = time.process_time(), time.monotonic()
        time.sleep(seconds)
        share = 100.0 * (time.process_time() - before) / (time.monotonic() - began)
    finally:
        sampler.stop()
        for target in targets:
            target.kill()
            target.communicate()
    gaps = sorted((later - before) / 1e6 for before, later in pairwise(subjects[0].times_ns))
    print(
        f"{count:3} targets: {share:6.3f} % of one processor, {share / count:6.3f} % for each;"
        f" a look each {statistics.median(gaps):.0f} ms (longest {gaps[-1]:.0f})"
    )


def main() -> None:
    for count in TARGETS:
        measure(count, float(sys.argv[1]) if sys.argv[1:] else 20.0)


if __name__ == "__main__":
    main()
