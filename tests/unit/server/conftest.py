from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import Client
from tests.unit.server.serving import Serving


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ms") as name:
        yield Path(name)


@pytest.fixture
def serving(folder: Path) -> Iterator[Serving]:
    with Serving(folder) as found:
        yield found


@pytest.fixture
def client(serving: Serving) -> Iterator[Client]:
    with Client(serving.address) as found:
        yield found
