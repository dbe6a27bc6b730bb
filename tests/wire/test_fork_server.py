"""Helpers that are forked instead of started: the same life and the same ends, and no dependence on what
forked them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from harness import received_ids, shipping, until

from memscope_daemon.attach import procfs
from memscope_daemon.attach.injection import TracerProcess, tracer_fork_server
from memscope_daemon.errors import SystemFailure
from memscope_daemon.shim.fork_server import Forked, ForkServer
from memscope_daemon.shim.job import ShipperExit
from memscope_daemon.shim.launch import ShipperProcess, shipper_fork_server
from tests.support.rings import children, is_running


@pytest.fixture
def fork_server():
    made = shipper_fork_server()
    yield made
    made.close()


def its_pid(fork_server: ForkServer) -> int:
    assert fork_server._process is not None
    return fork_server._process.pid


def test_a_forked_shipper_ships_as_one_that_was_started(scripted, address, fork_server):
    with shipping(address, fork_server=fork_server) as session:
        assert isinstance(session.shipper._process, Forked)
        session.target.enter()
        session.target.allocate(1001)
        outcome = session.finish()
        assert (outcome.exit_code, outcome.reason, outcome.shipped_count) == (0, "detached", 1001)
    assert len(received_ids(scripted.batches)) == 1001


def test_a_fork_server_has_one_thread_so_that_its_forks_are_whole(fork_server):
    for _ in range(3):
        shipper = ShipperProcess.spawn(fork_server)
        shipper.wait_idle()
        assert len(list(Path(f"/proc/{its_pid(fork_server)}/task").iterdir())) == 1
        shipper.close()


def test_a_forked_helper_holds_nothing_of_the_fork_server_or_of_its_siblings(fork_server):
    first, second = ShipperProcess.spawn(fork_server), ShipperProcess.spawn(fork_server)
    for shipper in (first, second):
        shipper.wait_idle()
        sockets = [
            entry.name
            for entry in Path(f"/proc/{shipper.pid}/fd").iterdir()
            if str(entry.readlink()).startswith("socket:")
        ]
        assert len(sockets) == 1, "its own end and no other"
        assert os.getsid(shipper.pid) == shipper.pid
    first.close()
    until(lambda: not is_running(first.pid), "the end of the one that nobody wants")
    assert second.alive
    second.close()


def test_the_exit_code_is_the_one_it_ended_with(fork_server):
    killed, idle = ShipperProcess.spawn(fork_server), ShipperProcess.spawn(fork_server)
    idle.wait_idle()
    idle._connection.close()
    assert idle._process.wait(30) == ShipperExit.DONE
    killed.wait_idle()
    killed.kill()
    assert killed.wait(30).exit_code == -signal.SIGKILL
    assert not killed.alive
    assert not children(its_pid(fork_server)), "both are reaped"
    idle.close()
    killed.close()


def test_a_session_outlives_the_fork_server_and_tells_how_it_ended(scripted, address, fork_server):
    with shipping(address, fork_server=fork_server) as session:
        session.target.enter()
        os.kill(its_pid(fork_server), signal.SIGKILL)
        session.target.allocate(101)
        outcome = session.finish()
        assert (outcome.exit_code, outcome.reason, outcome.shipped_count) == (0, "detached", 101)


def test_of_one_that_was_killed_with_its_fork_server_no_more_can_be_told(fork_server):
    shipper = ShipperProcess.spawn(fork_server)
    shipper.wait_idle()
    os.kill(its_pid(fork_server), signal.SIGKILL)
    os.kill(shipper.pid, signal.SIGKILL)
    assert shipper.wait(30).exit_code == -signal.SIGKILL
    shipper.close()


def test_a_fork_server_that_died_is_replaced(fork_server):
    before = its_pid(fork_server)
    os.kill(before, signal.SIGKILL)
    started = ShipperProcess.spawn(fork_server)  # this one finds out
    forked = ShipperProcess.spawn(fork_server)
    assert isinstance(started._process, subprocess.Popen)
    assert isinstance(forked._process, Forked)
    assert its_pid(fork_server) != before
    for shipper in (started, forked):
        shipper.wait_idle()
        shipper.close()


def test_without_a_fork_server_a_helper_is_started():
    def cannot(end: socket.socket) -> subprocess.Popen[bytes]:
        raise SystemFailure("test", "no", "none")

    for fork_server in (ForkServer(cannot), None):
        shipper = ShipperProcess.spawn(fork_server)
        shipper.wait_idle()
        assert isinstance(shipper._process, subprocess.Popen)
        shipper.close()


def test_closing_ends_it_also_while_somebody_waits_for_its_answer():
    deaf = ForkServer(
        lambda end: subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(600)"], pass_fds=(end.fileno(),)
        )
    )
    pid = its_pid(deaf)
    theirs, ours = socket.socketpair()
    refused: list[SystemFailure] = []

    def ask() -> None:
        try:
            deaf.fork(theirs, theirs.fileno())
        except SystemFailure as error:
            refused.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    until(deaf._lock.locked, "somebody to wait")
    deaf.close()
    asker.join(10)
    assert [error.code for error in refused] == ["daemon.no-helper"]
    os.kill(pid, signal.SIGKILL)
    for end in (theirs, ours):
        end.close()


def test_forks_asked_for_by_many_threads_are_each_a_helper_of_their_own(fork_server):
    found: list[ShipperProcess] = []
    threads = [
        threading.Thread(target=lambda: found.append(ShipperProcess.spawn(fork_server))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({shipper.pid for shipper in found}) == 8
    for shipper in found:
        shipper.wait_idle()
        shipper.close()


@pytest.mark.parametrize("kind", ["shipper", "tracer"])
def test_a_forked_helper_shares_no_memory_that_it_writes(kind):
    """Two tracers that read into the same room once took each other's words for their target's."""
    fork_server = shipper_fork_server() if kind == "shipper" else tracer_fork_server()
    helper = ShipperProcess.spawn(fork_server) if kind == "shipper" else TracerProcess(fork_server)
    if isinstance(helper, ShipperProcess):
        helper.wait_idle()
    assert isinstance(helper._process, Forked)
    for pid in (its_pid(fork_server), helper.pid):
        mappings = procfs.mappings(pid)
        assert mappings
        assert not [one for one in mappings if one.writable and one.permissions.endswith("s")]
    helper.close()
    fork_server.close()


def test_a_forked_tracer_ends_without_a_job():
    fork_server = tracer_fork_server()
    tracer = TracerProcess(fork_server)
    assert isinstance(tracer._process, Forked)
    tracer.close()
    until(lambda: not is_running(tracer.pid), "its end")
    fork_server.close()
