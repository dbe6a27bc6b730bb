from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.daemon import Serving, serving


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A daemon for all tests of a run, as ``memscoped serve`` starts it."""
    with serving(tmp_path_factory.mktemp("daemon")) as running:
        yield running
        assert running.process.poll() is None, f"the daemon died:\n{running.log.read_text()[-4000:]}"
