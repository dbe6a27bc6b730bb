"""Targets as in a container: another root, another user, numbers of their own."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from memscope_client import Sampling
from memscope_daemon.attach import procfs
from memscope_daemon.attach.session import leave
from tests.integration.test_attach_everywhere import ROUNDS, run
from tests.support.daemon import Serving, memscoped, serving
from tests.support.interpreters import Interpreter, isolated_interpreters
from tests.support.outside import difference, image_words, process_state, shim_mappings
from tests.support.targets import Target
from tests.support.unharmed import HOOKED_WORDS
from tests.support.waiting import until

NOBODY = 65534


@pytest.fixture(params=isolated_interpreters(), ids=lambda found: found.name)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    found: Interpreter = request.param
    return found


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


@pytest.mark.parametrize("program", ("busy", "wait_epoll", "fifty_threads"))
def test_another_user_in_a_container_is_left_as_it_was(
    daemon: Serving, interpreter: Interpreter, program: str
) -> None:
    with Target(dataclasses.replace(interpreter, user=NOBODY), program) as target:
        assert f"\nUid:\t{NOBODY}\t" in Path(f"/proc/{target.pid}/status").read_text()
        run(daemon, target, ROUNDS)


def test_its_threads_are_named_by_the_numbers_it_knows_itself(
    daemon: Serving, interpreter: Interpreter
) -> None:
    with Target(interpreter, "forks") as target:
        assert procfs.status(target.pid)["NSpid"].split() == [str(target.pid), "1"]
        session = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=20)).result()
        target.ask("fork", 101)

        def named() -> dict[int, str]:
            threads = daemon.client.report(session.session_id).threads
            return {each.native_id: each.name for each in threads if each.native_id and each.name}

        assert until(named, "a thread to be named") == {1: "MainThread"}
        daemon.detach(session)
        target.end()


@pytest.mark.parametrize("program", ("busy", "wait_read"))
def test_what_a_killed_memscope_left_in_a_container_is_taken_out(
    interpreter: Interpreter, program: str, tmp_path: Path
) -> None:
    with Target(interpreter, program) as target:
        target.works()
        before, words = process_state(target.pid), image_words(target.pid)
        with serving(tmp_path) as daemon:
            daemon.client.attach(target.pid, Sampling.rate(1.0, depth=20)).result()
            hooks = image_words(target.pid).pointing_into(shim_mappings(target.pid))
            for child in children(daemon.process.pid):
                os.kill(child, 9)
            daemon.process.kill()
            daemon.process.wait()
        assert len(hooks) == HOOKED_WORDS
        target.works()
        done = memscoped(tmp_path, "detach", str(target.pid))
        assert done.returncode == 0, done.stderr
        assert image_words(target.pid).at(list(hooks)) == words.at(list(hooks))
        assert not leave(target.pid).had_hooks
        until(lambda: not difference(before, process_state(target.pid)), "the target to be as before")
        target.works()
        target.end()
