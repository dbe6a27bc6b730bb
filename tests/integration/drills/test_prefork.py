"""A server that forks its workers again and again is profiled; they are not. A short form of the drill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import Serving
from tests.support.drills import prefork
from tests.support.interpreters import this_interpreter
from tests.support.other_tools import with_tool

REQUESTS, REQUESTS_SLOW = 300, 5000


def test_the_parent_of_gunicorn_is_profiled_and_its_workers_are_silent_and_right(
    daemon: Serving, tmp_path: Path, slow: bool, figures: list[str]
) -> None:
    equipped, why_not = with_tool(this_interpreter(), "gunicorn")
    if equipped is None:
        pytest.skip(why_not)
    figures.append(prefork.visit(daemon, equipped, REQUESTS_SLOW if slow else REQUESTS, tmp_path))
