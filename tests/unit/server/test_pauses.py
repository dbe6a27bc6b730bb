"""A user's pause beside that of the budget: who wins, what is told, and what is remembered."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from memscope_client import Client, DaemonError, Sampling, SamplingPause
from memscope_daemon.model.report import SamplingPause as Told
from memscope_daemon.server import pauses as pauses_module
from memscope_daemon.server.pauses import Pauses, recalled_spans
from tests.support.waiting import until
from tests.unit.server import test_budget
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving
from tests.unit.server.test_budget import Costly

in_a_hurry = test_budget.in_a_hurry
SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("by_budget", "by_user", "in_force"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_a_pause_is_in_force_when_anybody_wants_one(by_budget: bool, by_user: bool, in_force: bool) -> None:
    pauses = Pauses(by_budget).asked(by_user, 7)
    assert (pauses.by_user, pauses.in_force) == (by_user, in_force)


def test_what_the_budget_does_leaves_the_users_pause_as_it_is() -> None:
    pauses = Pauses().asked(True, 7)
    assert dataclasses.replace(pauses, by_budget=True).asked(False, 11).in_force
    assert dataclasses.replace(pauses, by_budget=False).in_force


def test_each_pause_is_told_from_its_beginning_to_its_end() -> None:
    pauses = Pauses().asked(True, 7).asked(True, 8).asked(False, 11).asked(False, 12).asked(True, 31)
    assert pauses.until(37) == (Told(7, 11, "user"), Told(31, 37, "user"))
    assert pauses.until(13)[-1] == Told(31, 31, "user")
    assert Pauses(spans=recalled_spans(pauses.noted())) == pauses
    assert recalled_spans({}) == ()


def test_pauses_without_end_are_refused_but_each_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses_module, "PAUSES_MAX", 2)
    pauses = Pauses().asked(True, 1).asked(False, 2).asked(True, 3)
    ended = pauses.asked(False, 4)
    with pytest.raises(Exception, match="paused 2 times") as refused:
        ended.asked(True, 5)
    assert refused.value.code == "session.too-many-pauses"


@pytest.fixture
def wire(serving: Serving) -> MiniShipper:
    """A session that somebody else attached; one second of it has passed."""
    found = MiniShipper(serving.address, hello())
    found.send(batch(1_000, events(size_bytes=[31]), dictionary=dictionary(1)))
    found.await_ack(1_000)
    return found


def pause_commands(wire: MiniShipper, count: int) -> list[bool]:
    while (
        len(found := [one.pause.paused for one in wire.commands if one.WhichOneof("command") == "pause"])
        < count
    ):
        wire.read()
    return found


def test_the_shipper_is_told_once_for_each_change(client: Client, wire: MiniShipper) -> None:
    assert client.pause(SESSION_ID).paused
    assert client.pause(SESSION_ID).paused
    assert not client.resume(SESSION_ID).paused
    assert not client.resume(SESSION_ID).paused
    client.pause(SESSION_ID)
    assert pause_commands(wire, 3) == [True, False, True]


def test_the_report_says_when_nothing_was_sampled(client: Client, wire: MiniShipper) -> None:
    client.pause(SESSION_ID)
    client.resume(SESSION_ID)
    wire.send(batch(9_000, events(size_bytes=[37], allocation_id=[2])))
    wire.await_ack(9_000)
    report = client.report(SESSION_ID)
    (pause,) = report.pauses
    assert SECOND_NS <= pause.since_ns <= pause.until_ns
    assert pause.by == "user"
    document = json.loads(client.export(SESSION_ID, "json")[1])
    assert document["pauses"] == [dataclasses.asdict(pause)]
    first_line = document["preface"][0]
    assert first_line.startswith(f"Sampling was paused from {pause.since_ns / 1e9:.1f} s to ")
    assert first_line.endswith("Blocks sampled before were followed.")


def test_a_pause_that_goes_on_is_told_up_to_now(client: Client, wire: MiniShipper) -> None:
    client.pause(SESSION_ID)
    wire.send(batch(60_000))
    until(lambda: client.report(SESSION_ID).pauses[0].until_ns == 60 * SECOND_NS, "the pause to grow")


def test_another_shipper_is_told_of_a_pause_and_of_the_end_of_one(
    serving: Serving, client: Client, wire: MiniShipper
) -> None:
    client.pause(SESSION_ID)
    second = MiniShipper(serving.address, hello())
    assert pause_commands(second, 1) == [True]
    second.close()
    entry = serving.book.get(SESSION_ID)
    until(lambda: not entry.is_connected, "its stream to be gone")
    entry.pause(False)  # as SetPaused does for one whose shipper is being replaced
    third = MiniShipper(serving.address, hello())
    assert pause_commands(third, 1) == [False]


def test_a_shipper_that_comes_back_is_told_that_there_is_no_pause(
    serving: Serving, client: Client, wire: MiniShipper
) -> None:
    """A daemon died before it could note down that it had told one to pause."""
    again = MiniShipper(serving.address, hello())
    assert pause_commands(again, 1) == [False]
    assert [one for one in wire.commands if one.WhichOneof("command") == "pause"] == []


def test_a_daemon_that_comes_after_knows_of_the_pause(folder: Path) -> None:
    with Serving(folder) as serving, Client(serving.address) as client:
        wire = MiniShipper(serving.address, hello())
        wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
        client.pause(SESSION_ID)
        client.resume(SESSION_ID)
        client.pause(SESSION_ID)
        before = client.report(SESSION_ID).pauses
        serving.crash()
        wire.close()
    with Serving(folder) as serving, Client(serving.address) as client:
        wire = MiniShipper(serving.address, hello())
        assert client.session(SESSION_ID).paused
        assert pause_commands(wire, 1) == [True]
        after = client.report(SESSION_ID).pauses
        assert after[0] == before[0]
        assert after[1].since_ns == before[1].since_ns
        assert not client.resume(SESSION_ID).paused
        assert pause_commands(wire, 2) == [True, False]


def test_a_session_that_is_over_cannot_be_paused(client: Client, wire: MiniShipper) -> None:
    wire.goodbye()
    with pytest.raises(DaemonError) as refused:
        client.pause(SESSION_ID)
    assert refused.value.code == "session.no-shipper"
    with pytest.raises(DaemonError) as refused:
        client.pause("00000000000000ff")
    assert refused.value.code == "session.not-found"


@pytest.fixture
def costly(serving: Serving, client: Client) -> Any:
    """A session with a budget that it cannot keep, and its id."""
    session = client.attach(os.getpid(), Sampling.rate(1.0, depth=20), max_overhead_percent=5.0).result()
    wire = serving.made[0].wire
    assert wire is not None
    wire.send(batch(1, events(size_bytes=[31])))
    return Costly(wire), session.session_id


def test_while_a_user_has_it_paused_the_budget_judges_nothing(
    client: Client, costly: tuple[Costly, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load, session_id = costly
    client.pause(session_id)
    with load:
        spent_ns = 60 * load.spent_ns  # in which it would have stepped back to the end
        until(lambda: client.figures(session_id).cost.in_target_ns > spent_ns, "some looks")
        assert client.session(session_id).step == "full"
        client.resume(session_id)
        until(lambda: client.session(session_id).step != "full", "a step back")


def test_what_the_budget_paused_stays_paused_when_a_user_resumes(
    client: Client, costly: tuple[Costly, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_budget.controller, "DETACH_NS", 3600 * SECOND_NS)
    load, session_id = costly
    with load:
        until(lambda: client.session(session_id).step == "counters_only", "the budget's pause")
        client.pause(session_id)
        assert client.resume(session_id).step == "counters_only"
    assert pause_commands(load.wire, 1) == [True]
    report = client.report(session_id)
    assert sorted(pause.by for pause in report.pauses) == ["budget", "user"]
    since_ns = report.steps[-1].since_ns
    assert SamplingPause(since_ns, report.figures.time_ns, "budget") in report.pauses
