"""Prints the figures of a session each second, until it has ended.

    python docs/examples/watch_figures.py PID [AFTER]

`memscoped attach PID --background` has begun it, with `memscoped serve` running. AFTER is the number of the
last point that was seen, so that a program that was killed goes on where it left off: nothing is missed.
"""

import sys

from memscope_client import Client, DaemonError, default_address


def main(pid: int, after: int) -> None:
    with Client(default_address()) as client:
        session = client.session(pid)
        for point in client.watch(session.session_id, after=after, site_count=1):
            live = point.figures.live_bytes
            where = f"  {point.sites[0].function}" if point.sites else ""
            print(f"{point.number} {live.value:.0f} {live.low:.0f} {live.high:.0f}{where}", flush=True)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    except DaemonError as error:
        sys.exit(f"{error}\n{error.next_step}")
