"""Attaching queues a call, or takes the GIL, in a program that uses the same queue to its limits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from memscope_client import DaemonError, Sampling, Session
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter
from tests.support.outside import difference, image_words, process_state, shim_mappings
from tests.support.targets import PROGRAMS, Target
from tests.support.waiting import until

EVERYTHING = Sampling.rate(1.0, depth=20)
VISITS, VISITS_SLOW, TRIES = 2, 50, 200


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pending") / "pending.so"
    subprocess.run(
        ["gcc", "-O2", "-fPIC", "-shared", "-pthread", str(PROGRAMS / "pending.c"), "-o", str(path)],
        check=True,
    )
    return path


def attach(daemon: Serving, target: Target) -> tuple[Session, int]:
    """A session, and how often it was declined before because the queue was full: the target was then left as
    it was, and one tries again."""
    for declined in range(TRIES):
        try:
            return daemon.client.attach(target.pid, EVERYTHING).result(), declined
        except DaemonError as error:
            assert error.code == "attach.queue-full", error
            target.works()
    raise AssertionError("never attached")


@pytest.mark.parametrize("how", ["full", "hammered"])
def test_a_program_with_a_full_queue_of_pending_calls_keeps_every_call(
    daemon: Serving, library: Path, interpreter: Interpreter, how: str, slow: bool, figures: list[str]
) -> None:
    with Target(interpreter, "pending", str(library), how) as target:
        target.works()
        before, declined = process_state(target.pid), 0
        for _ in range(VISITS_SLOW if slow else VISITS):
            found_full = target.ask("full")
            session, tries = attach(daemon, target)
            declined += tries
            assert target.ask("full") > found_full
            target.works()
            ended = daemon.detach(session)
            assert (ended.end_reason, ended.end_detail) == ("detached", ""), ended
        assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
        until(lambda: not difference(before, process_state(target.pid)), "it to be as before")
        accepted, ran = target.ask("rest")
        assert accepted == ran > 0
        target.end()
    figures.append(f"pending calls, {how}, {interpreter.name}: {ran} ran; declined {declined} times")
