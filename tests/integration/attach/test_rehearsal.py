"""A tracer rehearses on a child of its own, and nothing of that stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from memscope_daemon.attach.rehearsal import ROUNDS

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import os
from memscope_daemon.attach.rehearsal import rehearse
before = sorted(os.listdir("/proc/self/fd"))
print(rehearse())
assert sorted(os.listdir("/proc/self/fd")) == before
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""


def test_every_step_is_rehearsed_and_neither_a_child_nor_a_descriptor_stays() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, cwd=ROOT, check=True
    )
    assert done.stdout.split("\n")[:2] == [str(ROUNDS), "no child"]


def test_a_machine_that_does_not_let_us_trace_costs_the_rehearsal_only() -> None:
    refused = (
        "from memscope_daemon.attach import ptrace\ndef no(*_): raise PermissionError\nptrace.seize = no\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", refused + PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.split("\n")[:2] == ["0", "no child"]
