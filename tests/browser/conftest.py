from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.server.exports import export
from tests.browser.shop import shop
from tests.support.browser import chromium, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module and no longer: while it runs this thread has an event loop, and others need theirs."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def report_html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the shop."""
    name, content = export(shop(), "html")
    path = tmp_path_factory.mktemp("pages") / name
    path.write_bytes(content)
    return path


@pytest.fixture(scope="session")
def report_json() -> dict[str, Any]:
    """The JSON report of the same session."""
    found: dict[str, Any] = json.loads(export(shop(), "json")[1])
    return found


@pytest.fixture(scope="session")
def live_bytes() -> dict[tuple[str, ...], float]:
    """Live bytes by the functions of a stack, outermost first."""
    return {
        tuple(frame.function for frame in row.frames): row.live_bytes.value for row in stack_figures(shop())
    }


@pytest.fixture
def page(browser: Browser, report_html: Path) -> Iterator[Page]:
    """The page, open; at its end it must have asked for nothing but itself, and complained about nothing."""
    with opened(browser, report_html) as (page, seen):
        yield page
        assert seen.errors == []
        assert seen.requests == [report_html.as_uri()]
