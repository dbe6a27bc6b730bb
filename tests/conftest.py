"""Options and fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import roots
from tests.support.interpreters import every_interpreter

FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow", action="store_true", help="run the long tests too, and the others at full length"
    )


def pytest_report_header() -> str:
    found = ", ".join(each.name for each in every_interpreter()) or "none"
    return f"interpreters to attach to: {found}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="long; runs with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_this_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("no-settings"))


@pytest.fixture(scope="session")
def slow(request: pytest.FixtureRequest) -> bool:
    """Whether the run may take its time."""
    return bool(request.config.getoption("--slow"))


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines that a test wants to show: printed at the end of the run, never asserted on."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(lines))
    if reason := roots.why_not():
        terminalreporter.section("not tested")
        terminalreporter.write_line(f"CPython 3.14 and 3.15, and targets with a root of their own: {reason}")


@pytest.fixture
def programs() -> Path:
    """The folder of the sample programs."""
    return Path(__file__).parent / "integration" / "programs"
