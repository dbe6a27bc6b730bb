from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_daemon.shim.shipper.target_watch import UNKNOWN_EXIT, TargetWatch, describe_exit


@pytest.fixture
def victim():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def await_end(watch: TargetWatch) -> None:
    assert select.select([watch.fileno()], [], [], 30)[0]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (3 << 8, "exited with status 3"),
        (signal.SIGKILL, "killed by SIGKILL"),
        (signal.SIGSEGV | 0x80, "killed by SIGSEGV (core dumped)"),
        (50, "killed by signal 50"),
    ],
)
def test_a_wait_status_in_words(status, words):
    assert describe_exit(status) == words


def test_a_zombie_has_ended_and_says_how(victim):
    watch = TargetWatch(victim.pid, start_time(victim.pid))
    assert not watch.ended and not watch.replaced
    victim.send_signal(signal.SIGKILL)
    await_end(watch)
    assert watch.ended
    assert watch.how_it_ended() == "killed by SIGKILL"


def test_a_target_that_was_waited_for_says_how_or_that_it_is_not_known(victim):
    watch = TargetWatch(victim.pid, 0)
    victim.kill()
    victim.wait()
    assert watch.ended
    assert watch.how_it_ended() in ("killed by SIGKILL", UNKNOWN_EXIT)


def test_a_reused_pid_is_an_ended_target(victim):
    watch = TargetWatch(victim.pid, start_time(victim.pid) - 1)
    assert watch.ended
    assert watch.fileno() == -1
    assert watch.how_it_ended() == UNKNOWN_EXIT


def test_a_pid_that_is_not_there_is_an_ended_target(victim):
    victim.kill()
    victim.wait()
    assert TargetWatch(victim.pid, 0).ended


def test_another_thread_s_end_is_not_the_target_s(victim):
    program = "import threading; threading.Thread(target=int).start(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        watch = TargetWatch(process.pid, 0)
        process.stdout.readline()
        assert not watch.ended
        os.kill(process.pid, signal.SIGTERM)
        await_end(watch)
