"""A program that forks, starts others in every way that Python has, and becomes another: the long form."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from memscope_client import Sampling, Session
from tests.support.daemon import Serving, serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.outside import shim_mappings
from tests.support.targets import Target
from tests.support.waiting import until

OFTEN = Sampling.bytes(2048)  # of what a child allocates, hundreds of samples
CHILDREN_MAY_TAKE_S = 600.0
HOWS = ("fork", "spawn", "forkserver")
RESULTS = [[number * number, True] for number in range(7)]


def fork_and_follow(daemon: Serving, interpreter: Interpreter, count: int) -> str:
    """Forks, pools, exec; what was seen. Children are right and silent, the parent is followed."""
    with Target(interpreter, "odd", "plain") as target:
        session = daemon.client.attach(target.pid, OFTEN).result()
        assert target.ask("forks", count, deadline_s=CHILDREN_MAY_TAKE_S) == count
        for how in HOWS:
            assert target.ask("processes", how, deadline_s=CHILDREN_MAY_TAKE_S) == RESULTS, how
        target.works()
        daemon.detach(session)
        recorded = check_silent(daemon, session)
        become_another(daemon, target)
        target.works()
        target.end()
    return (
        f"{interpreter.name}: {count} forks, {', '.join(HOWS)}, exec: children silent and right;"
        f" {recorded} records of the parent"
    )


def check_silent(daemon: Serving, session: Session) -> int:
    """How many records of the parent there are; none is a child's."""
    report = daemon.client.report(session.session_id)
    functions = {site.function for site in report.sites}
    assert functions & {"work", "squares"}, functions
    assert "in_child" not in functions
    return report.quality.recorded_count


def become_another(daemon: Serving, target: Target) -> None:
    """By exec, while it is watched: the session ends, the new program is left alone."""
    session = daemon.client.attach(target.pid, OFTEN).result()
    assert target.ask("exec") == "ready"
    until(lambda: is_over(daemon, session), "the session to end")
    assert not shim_mappings(target.pid)


def is_over(daemon: Serving, session: Session) -> bool:
    listed = daemon.client.sessions(include_ended=True)
    return any(one.session_id == session.session_id and one.is_ended for one in listed)


def main(arguments: list[str]) -> int:
    """1,000 forks, multiprocessing, exec: children silent and right"""
    parser = argparse.ArgumentParser(prog="scripts/soak forks", description=main.__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", default="", help="interpreters whose name begins so: 3.12")
    args = parser.parse_args(arguments)
    chosen = [each for each in supported_interpreters() if each.name.startswith(args.only)]
    with tempfile.TemporaryDirectory(prefix="memscope-soak-") as name, serving(Path(name)) as daemon:
        for interpreter in chosen:
            print(fork_and_follow(daemon, interpreter, args.count), flush=True)
    return int(not chosen)
