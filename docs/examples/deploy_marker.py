"""Marks a deploy in a session, and says what has changed since: growth before the mark, and after it.

    python docs/examples/deploy_marker.py PID LABEL [SECONDS]

The session has been going on for a while, under a daemon that has kept its points.
"""

import sys
from collections.abc import Sequence

from memscope_client import Client, DaemonError, WatchPoint, default_address


def growth(points: Sequence[WatchPoint]) -> float:
    """Bytes a second by which what is live has changed."""
    if len(points) < 2:
        return 0.0
    first, last = points[0].figures, points[-1].figures
    seconds = max((last.time_ns - first.time_ns) / 1e9, 1e-9)
    return (last.live_bytes.value - first.live_bytes.value) / seconds


def main(pid: int, label: str, count: int) -> None:
    with Client(default_address()) as client:
        session_id = client.session(pid).session_id
        mark = client.mark(session_id, label)
        before: list[WatchPoint] = []
        after: list[WatchPoint] = []
        for point in client.watch(session_id):
            (before if point.figures.time_ns <= mark.time_ns else after).append(point)
            if len(after) >= count:
                break
    print(f"{label!r} at {mark.time_ns / 1e9:.1f} s")
    print(f"before: {growth(before[-count:]):+,.0f} bytes a second")
    print(f"after:  {growth(after):+,.0f} bytes a second")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
    except DaemonError as error:
        sys.exit(f"{error}\n{error.next_step}")
