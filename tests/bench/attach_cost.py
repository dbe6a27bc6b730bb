"""What an attach costs, from outside: medians over some rounds against the demo program, daemon running.

    python tests/bench/attach_cost.py [ROUNDS]

Prints the time from the start of the command to the active session, from the daemon's first look to active
hooks, and each stop of the target.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from memscope_client import Client, Session

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests/integration/programs/demo_leak.py"
MEMSCOPED = [sys.executable, "-P", "-m", "memscope_daemon"]


def attach_once(client: Client, environment: dict[str, str], figures: dict[str, list[float]]) -> None:
    with subprocess.Popen(
        [sys.executable, str(DEMO)], stdout=subprocess.PIPE, text=True, env=environment
    ) as target:
        assert target.stdout is not None
        target.stdout.readline()
        began = time.perf_counter()
        attach = [*MEMSCOPED, "attach", str(target.pid), "--background"]
        subprocess.run(attach, env=environment, check=True, capture_output=True)
        figures["command until tracking"].append((time.perf_counter() - began) * 1e3)
        (session,) = (one for one in client.sessions() if one.target.pid == target.pid)
        note(client.detach(session.session_id), figures)
        target.kill()


def note(session: Session, figures: dict[str, list[float]]) -> None:
    figures["first look until hooks are in"].append(session.attach.total_ns / 1e6)
    for stop in (*session.attach.stops, *session.detach.stops):
        figures[f"stop: {stop.purpose}"].append(stop.duration_ns / 1e6)


def main() -> None:
    rounds = int(sys.argv[1]) if sys.argv[1:] else 7
    figures: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_RUNTIME_DIR": folder, "MEMSCOPE_STATE_DIR": folder}
        serving = subprocess.Popen([*MEMSCOPED, "serve"], env=environment, stderr=subprocess.PIPE, text=True)
        assert serving.stderr is not None
        address = serving.stderr.readline().split()[-1]
        try:
            with Client(address) as client:
                for _ in range(rounds):
                    attach_once(client, environment, figures)
                    time.sleep(0.5)  # the daemon starts its next spare shipper
        finally:
            serving.terminate()
            serving.communicate()
    for name, values in figures.items():
        middle, worst = statistics.median(values), max(values)
        print(f"{name:<32}{middle:9.2f} ms median {worst:9.2f} ms worst of {len(values)}")


if __name__ == "__main__":
    main()
