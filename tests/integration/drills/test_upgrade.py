"""Two builds of memscope and one process: one after the other, and one beside the other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import Sampling, Session
from memscope_daemon.attach.session import leave
from tests.support.daemon import ROOT, Serving, memscoped, serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.outside import ProcessState, difference, image_words, process_state, shim_mappings
from tests.support.targets import Target
from tests.support.waiting import until

OFTEN = Sampling.bytes(2048)
HOOKED_WORDS = 12  # malloc, calloc, realloc, free of three domains
BUILD = "import pathlib, setup; setup.build_shim(pathlib.Path('memscope_daemon/shim/memscope_shim.so'))"
#: What sets the newer build apart: compiled in, so that its functions lie elsewhere.
NEWER = '\nconst char ms_newer[2048] __attribute__((used, visibility("default"))) = "newer";\n'


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The daemon of a memscope of another version, with a shim of its own."""
    tree, folder = tmp_path_factory.mktemp("newer"), tmp_path_factory.mktemp("n")
    for package in ("memscope_daemon", "memscope_client"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(ROOT / "setup.py", tree)
    with (tree / "memscope_daemon/shim/target/io/clock.c").open("a") as source:
        source.write(NEWER)
    subprocess.run([sys.executable, "-c", BUILD], cwd=tree, check=True)
    with serving(folder, tree) as running:
        yield running


@pytest.fixture
def target(interpreter: Interpreter, slow: bool) -> Iterator[Target]:
    if not slow and interpreter != supported_interpreters()[-1]:
        pytest.skip("the newest; all with --slow")
    with Target(interpreter, "odd", "plain") as running:
        yield running


def watched(daemon: Serving, target: Target) -> Session:
    session = daemon.client.attach(target.pid, OFTEN).result()
    target.works()
    target.works()
    return session


def left(daemon: Serving, target: Target, session: Session, detail: str = "") -> None:
    """Detaches: it works on, and what it did was recorded."""
    ended = daemon.detach(session)
    assert (ended.end_reason, ended.end_detail) == ("detached", detail), ended
    target.works()
    functions = {site.function for site in daemon.client.report(session.session_id).sites}
    assert functions & {"work", "squares"}


def shim_of(build: Serving) -> Path:
    return build.tree / "memscope_daemon/shim/memscope_shim.so"


def hooked_words(target: Target) -> int:
    return len(image_words(target.pid).pointing_into(shim_mappings(target.pid)))


def builds(target: Target) -> int:
    return len({each.path for each in shim_mappings(target.pid)})


def check_as_before(target: Target, before: ProcessState) -> None:
    assert hooked_words(target) == 0
    until(lambda: target.works() or not difference(before, process_state(target.pid)), "it to be as before")
    target.end()


def test_an_upgrade_and_a_way_back_between_sessions(daemon: Serving, newer: Serving, target: Target) -> None:
    before = process_state(target.pid)
    for turn, build in enumerate((daemon, newer, daemon, newer)):
        left(build, target, watched(build, target))
        assert hooked_words(target) == 0
        assert builds(target) == min(turn + 1, 2)
    check_as_before(target, before)


def test_the_newer_build_may_come_and_go_while_the_older_one_is_attached(
    daemon: Serving, newer: Serving, target: Target
) -> None:
    before = process_state(target.pid)
    old = watched(daemon, target)
    for _ in range(2):
        left(newer, target, watched(newer, target))
        assert hooked_words(target) == HOOKED_WORDS
        # a session may come too late to its own hooks: its shipper was slow to say that they are out
        assert not leave(target.pid, build=shim_of(newer).read_bytes()).had_hooks
        assert hooked_words(target) == HOOKED_WORDS
    target.works()
    left(daemon, target, old)
    check_as_before(target, before)


def test_the_older_build_may_leave_from_under_the_newer_one(
    daemon: Serving, newer: Serving, target: Target
) -> None:
    before = process_state(target.pid)
    old = watched(daemon, target)
    new = watched(newer, target)
    ended = daemon.detach(old)
    assert ended.end_reason == "detached", ended
    target.works()
    left(newer, target, new)
    target.works()
    left(daemon, target, watched(daemon, target))
    check_as_before(target, before)


def test_detach_by_hand_takes_out_the_hooks_of_either_build(
    daemon: Serving, newer: Serving, target: Target
) -> None:
    before = process_state(target.pid)
    for build in (daemon, newer):
        session = watched(build, target)
        done = memscoped(daemon.folder, "detach", str(target.pid), "--daemon", daemon.address)
        assert done.returncode == 0, done.stderr
        assert hooked_words(target) == 0, done.stderr
        until(lambda b=build, s=session: is_over(b, s), "the session to end")
        target.works()
    check_as_before(target, before)


def is_over(daemon: Serving, session: Session) -> bool:
    listed = daemon.client.sessions(include_ended=True)
    return any(one.session_id == session.session_id and one.is_ended for one in listed)
