from __future__ import annotations

import pytest

from tests.support.interpreters import Interpreter, supported_interpreters

INTERPRETERS = supported_interpreters()


@pytest.fixture(params=INTERPRETERS, ids=lambda found: found.name)
def interpreter(request: pytest.FixtureRequest, slow: bool) -> Interpreter:
    found: Interpreter = request.param
    if not slow and found not in (INTERPRETERS[0], INTERPRETERS[-1]):
        pytest.skip("the oldest and the newest; all with --slow")
    return found
