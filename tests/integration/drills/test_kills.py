"""A handful of rounds of each drill of ``scripts/soak``. All of memscope dies in some: the rig is our own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.soak import DRILLS, dice
from tests.support.drills.rig import Rig
from tests.support.drills.sampling import CHANGES as ALL_CHANGES
from tests.support.drills.sampling import WAYS, sampling

SEED, ROUNDS, ROUNDS_SLOW = 4211, 3, 25
#: A round of these is long.
ONE_ROUND = (
    "oom",
    "nearly-full",
    "full-disk",
    "full-export",
    "suspended",
    "full-table",
    "clock-jumps",
    "other-version",
    "hostile-clients",
)
CHANGES = 60


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("d"))
    yield made
    made.close()


@pytest.mark.parametrize("name", DRILLS)
def test_what_must_follow_follows_whatever_the_moment(rig: Rig, name: str, slow: bool) -> None:
    rounds = 1 if name in ONE_ROUND else ROUNDS
    for number in range(ROUNDS_SLOW if slow else rounds):
        DRILLS[name](rig, dice(SEED, name, number))


@pytest.mark.parametrize("way", WAYS)
def test_estimates_stay_true_while_the_sampling_is_changed_again_and_again(
    rig: Rig, way: str, slow: bool, figures: list[str]
) -> None:
    done = sampling(rig, dice(SEED, f"sampling/{way}", 0), ALL_CHANGES if slow else CHANGES, way)
    figures.append(f"sampling changed, {way}: {done.text}")
