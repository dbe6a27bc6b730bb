"""What blocks are bound to, inferred from outside, against programs that say it (tests/corpora)."""

from __future__ import annotations

from pathlib import Path

import pytest

from memscope_client import Sampling
from tests.support import assignments
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter, every_interpreter, supported_interpreters
from tests.support.targets import PROGRAMS, Target
from tests.support.waiting import until

RIGHT_AT_LEAST = 0.8  # where instructions know their columns


@pytest.mark.parametrize("interpreter", every_interpreter(), ids=lambda each: each.name)
def test_names_are_right_and_never_wrong_where_we_are_sure(
    daemon: Serving, interpreter: Interpreter, tmp_path: Path, figures: list[str]
) -> None:
    for half, program in assignments.programs(tmp_path).items():
        judged = assignments.judge(daemon, interpreter, program)
        figures.append(f"variables {half:<10} {interpreter.name:<14} {assignments.told(judged)}")
        assert not [one for one in judged if one.is_wrong_though_sure]
        right = sum(one.is_right for one in judged)
        if interpreter.version >= (3, 11, 0):
            assert right >= RIGHT_AT_LEAST * len(judged), [one for one in judged if not one.is_right]
        else:
            assert right > 0


def test_a_report_says_what_its_sites_are_bound_to(daemon: Serving) -> None:
    interpreter = supported_interpreters()[-1]
    with Target(interpreter, "knows", "leaky") as target:
        session = daemon.client.attach(target.pid, Sampling.rate(1.0)).result()
        target.ask("begin")
        begun = target.beats
        until(lambda: target.beats > begun + 3, "it to allocate")
        truth = {name: made for name, _, made, _ in target.ask("halt", deadline_s=120.0)}
        assert truth
        ended = daemon.detach(session)
    report = daemon.client.report(ended.session_id)
    file = str(PROGRAMS / "knows.py")
    found = {site.function: site.variable for site in report.sites if site.file == file}
    for function in truth:
        variable = found[function]
        assert variable is not None
        assert (variable.name, variable.kind, variable.confidence) == ("kept[slot]", "item", "high")
        assert (variable.function, variable.file) == (function, file)
