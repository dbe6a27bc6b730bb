"""The shim under test: built from the tree, entered inside every interpreter found."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import every_interpreter

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = ROOT / "tests/shim/programs/inside.py"
LAYOUT = ROOT / "memscope_daemon/shim/layout.py"


@pytest.fixture(scope="session")
def shim_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled from the sources as they are now."""
    import setup

    here = Path.cwd()
    os.chdir(ROOT)
    try:
        return setup.build_shim(tmp_path_factory.mktemp("shim") / "memscope_shim.so")
    finally:
        os.chdir(here)


@pytest.fixture(params=every_interpreter(), ids=lambda found: found.name)
def inside(request: pytest.FixtureRequest, shim_path: Path) -> Callable[[str], dict[str, Any]]:
    """Runs a scenario of programs/scenarios.py inside an interpreter and gives back its answer."""

    def run(scenario: str) -> dict[str, Any]:
        shows = (PROGRAM.parent, LAYOUT.parent, shim_path.parent)
        command = request.param.command(str(PROGRAM), str(LAYOUT), str(shim_path), scenario, shows=shows)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{scenario}: exit {done.returncode}\n{done.stderr[-2000:]}"
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return run
