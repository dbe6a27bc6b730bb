"""The GIL is held by a call of C, for as long as the test likes; ``scripts/soak held-gil`` holds it by a
hopeless regex and a big sort."""

from __future__ import annotations

import pytest

from tests.support.daemon import Serving
from tests.support.drills.held_gil import WHERES, Hold, attaches_when_it_ends, is_left_on_ctrl_c
from tests.support.interpreters import supported_interpreters
from tests.support.targets import Target


@pytest.mark.parametrize("where", WHERES)
def test_who_waits_for_the_gil_says_so_and_attaches_when_it_comes(
    daemon: Serving, where: str, figures: list[str]
) -> None:
    with Target(supported_interpreters()[-1], "held") as target:
        figures.append(f"GIL held in {where}: {attaches_when_it_ends(daemon, target, Hold('byte', where))}")
        target.end()


@pytest.mark.parametrize("where", WHERES)
def test_ctrl_c_while_the_gil_is_held_leaves_everything_as_it_was(
    daemon: Serving, where: str, slow: bool, figures: list[str]
) -> None:
    hold = Hold("byte", where, 90.0 if slow else 0.0)  # who cleans up must be as patient
    with Target(supported_interpreters()[0], "held") as target:
        figures.append(f"GIL held in {where}: {is_left_on_ctrl_c(daemon, target, hold)}")
        attaches_when_it_ends(daemon, target, Hold("byte", where))
        target.end()
