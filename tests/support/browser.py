"""A real browser, for the pages: the Chromium that is installed, without a window."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

#: For a machine with much else to do; nothing waits for so long on a quiet one.
PATIENCE_MS = 180_000
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str:
    """Fails where there is none: a page that nobody looked at is not tested."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.fail("the tests of the pages need a browser: install chromium (Debian: apt-get install chromium)")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@dataclasses.dataclass(slots=True)
class Seen:
    """What a page has done besides showing itself."""

    requests: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def opened(
    browser: Browser, path: Path, width: int = 1280, height: int = 900, *, scheme: str = "light"
) -> Iterator[tuple[Page, Seen]]:
    """The page in ``path``, and what it does. Nobody answers beyond it: there is no network."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        offline=True,
    )
    context.set_default_timeout(PATIENCE_MS)
    page, seen = context.new_page(), Seen()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda message: _note(seen, message))
    page.goto(path.as_uri())
    try:
        yield page, seen
    finally:
        context.close()


def _note(seen: Seen, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        seen.errors.append(message.text)
