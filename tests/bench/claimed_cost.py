"""What the shim says it costs against what it costs: shim in against shim out, interleaved, medians.

    pythonX tests/bench/claimed_cost.py LAYOUT.py SHIM.so [ROUNDS]

For each workload: the processor time that everything recorded takes more than nothing, and what the timed
passes claim of it; and what a call takes that goes by the hooks with next to nothing sampled.
"""

import statistics
import sys
import time

from hot_path import Reader, calls, deep, json_both_ways, objects
from inside import Shim

EVENTS = 1 << 18
FULL = {"mode": 2, "value": 1.0, "depth": 20}
NOTHING = {"mode": 1, "value": 2.0**40, "depth": 1}


def numbers():
    total = 0
    for n in range(300000):
        total += n * n % 7
    return total


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def compared(shim, work, setting, rounds):
    """Medians: seconds without, seconds more with; and the cost words and records of the last round."""
    without, more = [], []
    for _ in range(rounds):
        before = seconds(work)
        assert shim.enter(events=EVENTS, live=EVENTS, **setting) == 0
        during = seconds(work)
        cost = shim.session.cost
        words = (cost.gil_timed_count + cost.raw_timed_count, cost.gil_timed_ns + cost.raw_timed_ns)
        records = shim.session.events.head
        shim.leave()
        bare = (before + seconds(work)) / 2
        without.append(bare)
        more.append(during - bare)
    return statistics.median(without), statistics.median(more), words, records


def main():
    shim = Shim(*sys.argv[1:3])
    Reader(shim)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    for work in (objects, json_both_ways, deep, calls, numbers):
        work()
        bare, more, words, records = compared(shim, work, FULL, rounds)
        timed, timed_ns = words
        claimed = shim.layout.TIMED_EACH * timed_ns / 1e9
        _, floor, _, _ = compared(shim, work, NOTHING, 3 * rounds)
        print(
            f"{sys.version.split()[0]} {work.__name__:15} {bare * 1e3:7.1f} ms bare, {more * 1e3:7.1f} more,"
            f" claimed {claimed * 1e3:7.1f} ({claimed / more:.2f}), {timed_ns / max(timed, 1):.0f} ns a pass;"
            f" by the hooks {floor / max(records, 1) * 1e9:6.2f} ns a call ({records} calls)",
            flush=True,
        )


if __name__ == "__main__":
    main()
