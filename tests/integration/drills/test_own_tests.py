"""CPython's own tests with memscope beside them: two modules, under the newest that ships them."""

from __future__ import annotations

import pytest

from tests.support.drills import own_tests

MODULES = ("test_list", "test_gc")


@pytest.mark.parametrize("module", MODULES)
def test_the_interpreters_own_tests_end_as_without_us(module: str, figures: list[str]) -> None:
    interpreters = own_tests.testable()
    if not interpreters:
        pytest.skip("no interpreter here ships its tests")
    alone, watched = (own_tests.run(interpreters[-1], module, watched=each) for each in (False, True))
    assert watched.attached
    assert len(alone.results) > 10
    assert not own_tests.differing(alone.results, watched.results)
    figures.append(f"{interpreters[-1].name} {module}: {len(watched.results) - 1} cases as without us")
