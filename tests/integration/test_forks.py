"""A forked child is silent, in whatever namespaces; its parent's figures stay right."""

from __future__ import annotations

from pathlib import Path

import pytest

from memscope_client import Sampling
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter, every_interpreter, isolated_interpreters
from tests.support.targets import Target

COUNT, ROUNDS = 211, 5


@pytest.mark.parametrize(
    "interpreter", (*every_interpreter(), *isolated_interpreters()), ids=lambda found: found.name
)
def test_a_forked_child_is_silent_and_its_parent_is_still_followed(
    daemon: Serving, interpreter: Interpreter
) -> None:
    with Target(interpreter, "forks") as target:
        session = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=20)).result()
        answers = [target.ask("fork", COUNT) for _ in range(ROUNDS)]
        ended = daemon.detach(session)
        target.works()
        target.end()
    assert answers == [[0, COUNT * done] for done in range(1, ROUNDS + 1)]
    report = daemon.client.report(ended.session_id)
    sites = [site for site in report.sites if Path(site.file).name == "forks.py"]
    mine = [site.allocated_count for site in sites if site.function == "in_the_parent"]
    assert sum(each.value for each in mine) >= COUNT * ROUNDS and all(each.exact for each in mine)
    assert not [site for site in sites if site.function == "in_the_child"]
    assert report.quality.lost_count == 0
