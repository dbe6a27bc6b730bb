"""The budget of a session, over real gRPC: what the daemon commands, notes down, and when it leaves.

The shipper is made up, and says that the target spends its life in our slow path.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memscope_client import Client, DaemonError, Sampling, Session
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.monitor import budget as controller
from memscope_daemon.monitor import cost
from memscope_daemon.server import budget as keeper
from memscope_daemon.server import tracking as tracking_module
from tests.support.waiting import until
from tests.unit.server.mini_shipper import MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving

EVERYTHING = Sampling.rate(1.0, depth=20)
MS = 1_000_000
NEVER_NS = 1 << 62


class BatchClock:
    """Time goes by with the batches that the daemon has taken, 10 ms each: however slow the machine is, no
    more of it goes by between a step and the next batch."""

    ns = 0

    @classmethod
    def monotonic_ns(cls) -> int:
        return cls.ns


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    look = keeper.BudgetKeeper.look

    def look_at_batches(self: Any) -> bool:
        BatchClock.ns = max(BatchClock.ns, 10 * self._entry.counters.time_ns)
        return look(self)

    monkeypatch.setattr(BatchClock, "ns", 1)
    monkeypatch.setattr(keeper, "clock", BatchClock)
    monkeypatch.setattr(keeper.BudgetKeeper, "look", look_at_batches)
    monkeypatch.setattr(tracking_module, "LOOK_EACH_S", 0.01)
    monkeypatch.setattr(keeper, "LOOK_NS", 20 * MS)
    monkeypatch.setattr(controller, "SETTLE_NS", 40 * MS)
    monkeypatch.setattr(controller, "OVER_NS", 60 * MS)
    monkeypatch.setattr(controller, "DETACH_NS", 60 * MS)
    monkeypatch.setattr(controller, "PATIENCE_NS", 200 * MS)
    monkeypatch.setattr(cost, "MEMORY_NS", 4 * MS)  # what was before a step is forgotten within SETTLE_NS


class Costly:
    """Keeps sending batches; from one to the next ``spent_ns`` are said to go into the slow path,
    and nothing any more once ``until_step`` has been taken: each batch waits until that before it was taken
    in, or the next steps would follow."""

    def __init__(
        self,
        wire: MiniShipper,
        spent_ns: int = 300 * MS,
        so_far_ns: int = 0,
        first: int = 2,
        until_step: tuple[Client, Session, str] | None = None,
    ) -> None:
        self.wire, self.spent_ns = wire, spent_ns
        self._until_step, self._number, self._total_ns = until_step, first, so_far_ns
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Costly:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(0.01):
            if self.spent_ns and self._is_enough():
                self.spent_ns = 0
            self._total_ns += self.spent_ns
            passes = pb.PassCosts(timed_one_in=2, gil_timed_ns=self._total_ns // 2)
            self.wire.send(batch(self._number, events(size_bytes=[31]), passes=passes))
            self._number += 1

    def _is_enough(self) -> bool:
        if self._until_step is None:
            return False
        client, session, step = self._until_step
        before_ns = (self._number - 1) * MS
        until(lambda: client.figures(session.session_id).figures.time_ns >= before_ns, "the batch before")
        return now(client, session).step == step


@pytest.fixture
def session(client: Client) -> Session:
    return client.attach(os.getpid(), EVERYTHING, max_overhead_percent=5.0).result()


@pytest.fixture
def wire(serving: Serving, session: Session) -> Iterator[MiniShipper]:
    found = serving.made[0].wire
    assert found is not None
    found.send(batch(1, events(size_bytes=[31])))
    yield found


def now(client: Client, session: Session) -> Session:
    (found,) = [one for one in client.sessions(include_ended=True) if one.session_id == session.session_id]
    return found


def document(client: Client, session: Session) -> Any:
    return json.loads(client.export(session.session_id, "json")[1])


def test_a_session_that_costs_too_much_steps_back_and_leaves_in_the_end(
    client: Client, session: Session, wire: MiniShipper
) -> None:
    assert (session.max_overhead_percent, session.step) == (5.0, "full")
    with Costly(wire):
        until(lambda: now(client, session).is_ended, "the session to end")
    ended = now(client, session)
    assert (ended.end_reason, ended.step) == ("over_budget", "detached")
    assert ended.end_detail == "5 % is less than the hooks cost by themselves"
    steps = client.report(session.session_id).steps
    assert [step.step for step in steps] == ["full", "fewer_samples", "counters_only", "detached"]
    assert [step.sampling.value for step in steps] == [1.0, 1 / 512, 1 / 512, 1 / 512]
    assert all(step.cost_percent > 5.0 for step in steps[1:])
    assert all(before.until_ns == after.since_ns for before, after in itertools.pairwise(steps))


def test_each_step_is_commanded_and_counters_only_is_a_pause(
    client: Client, session: Session, wire: MiniShipper, serving: Serving
) -> None:
    serving.made[0].says_goodbye = False
    with Costly(wire):
        while not any(one.WhichOneof("command") == "pause" for one in wire.commands):
            wire.read()
    kinds = [one for one in wire.commands if one.WhichOneof("command") != "flush"]
    assert [one.WhichOneof("command") for one in kinds] == ["set_sampling", "set_sampling", "pause"]
    assert kinds[0].set_sampling.sampling.value == 1 / 512
    assert kinds[0].set_sampling.sampling.depth == 5
    assert kinds[2].pause.paused


def test_the_report_says_which_step_was_in_force_when_and_why(
    client: Client, session: Session, wire: MiniShipper
) -> None:
    with Costly(wire):
        until(lambda: now(client, session).is_ended, "the session to end")
    found = document(client, session)
    assert found["max_overhead_percent"] == 5.0
    assert found["cost"]["in_target_ns"] > 0
    assert [step["step"] for step in found["steps"]][:2] == ["full", "fewer_samples"]
    assert found["steps"][0]["why"] == "as asked for"
    assert found["steps"][1]["why"].endswith("of the target's processor time, the budget is 5 %")
    assert found["preface"][0].startswith("To keep to the budget nothing was sampled from ")
    assert found["preface"][1].startswith(
        "To keep to the budget of 5 %: full from 0.0 s, fewer samples from "
    )


def test_when_the_load_has_gone_the_sampling_is_again_as_asked_for(
    client: Client, session: Session, wire: MiniShipper
) -> None:
    with Costly(wire, until_step=(client, session, "fewer_samples")):
        until(lambda: now(client, session).step == "fewer_samples", "a step back")
        until(lambda: now(client, session).step == "full", "a step forth")
    again = now(client, session).sampling
    assert again == session.sampling


def test_a_sampling_that_somebody_sets_is_what_is_asked_for_from_then_on(
    client: Client, session: Session, wire: MiniShipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "PATIENCE_NS", NEVER_NS)
    with Costly(wire, until_step=(client, session, "fewer_samples")):
        until(lambda: now(client, session).step == "fewer_samples", "a step back")
        client.set_sampling(session.session_id, Sampling.bytes(65_537.0))
        until(lambda: now(client, session).step == "full", "the step to be full")
        until(lambda: len(client.report(session.session_id).steps) == 3, "the step to be noted")
    step = client.report(session.session_id).steps[-1]
    assert (step.step, step.sampling.value, step.why) == ("full", 65_537.0, "the sampling was set anew")


def test_without_a_budget_the_cost_is_told_and_nothing_is_changed(client: Client, serving: Serving) -> None:
    session = client.attach(os.getpid(), EVERYTHING).result()
    found = serving.made[0].wire
    assert found is not None
    found.send(batch(1, events(size_bytes=[31])))
    with Costly(found):
        until(lambda: client.figures(session.session_id).cost.percent > 5.0, "the cost to be told")
        looked = client.figures(session.session_id).cost.in_target_ns
        until(lambda: client.figures(session.session_id).cost.in_target_ns > looked, "another look")
    unchanged = now(client, session)
    assert (unchanged.step, unchanged.sampling.value, unchanged.max_overhead_percent) == ("full", 1.0, 0.0)
    assert client.report(session.session_id).steps == ()


@pytest.mark.parametrize("percent", [-1.0, float("nan"), float("inf"), 1001.0])
def test_a_budget_that_makes_no_sense_is_refused(client: Client, percent: float) -> None:
    with pytest.raises(DaemonError) as refused:
        client.attach(os.getpid(), EVERYTHING, max_overhead_percent=percent).result()
    assert refused.value.code == "config.bad-overhead"
    assert refused.value.exit_code == 2


def test_a_daemon_that_comes_after_goes_on_with_the_budget(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "PATIENCE_NS", NEVER_NS)
    with Serving(folder) as serving, Client(serving.address) as client:
        session = client.attach(os.getpid(), EVERYTHING, max_overhead_percent=5.0, history="testing").result()
        wire = serving.made[0].wire
        assert wire is not None
        wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
        with Costly(wire, until_step=(client, session, "fewer_samples")):
            until(lambda: now(client, session).step == "fewer_samples", "a step back")
        before = now(client, session)
        written = document(client, session)
        serving.crash()
        wire.close()
    with Serving(folder) as serving, Client(serving.address) as client:
        wire = MiniShipper(serving.address, hello(session.session_id, pid=os.getpid()))
        found = now(client, session)
        assert (found.step, found.max_overhead_percent) == ("fewer_samples", 5.0)
        assert found.sampling == before.sampling
        wire.read()  # it had not heard of the last step
        assert wire.commands[0].set_sampling.sampling.value == before.sampling.value
        again = document(client, session)
        assert [step["step"] for step in again["steps"]] == ["full", "fewer_samples"]
        assert again["history"]["preset"] == "testing"
        assert again["max_overhead_percent"] == 5.0
        assert again["attach"] == written["attach"]
        assert (
            again["resident_memory"]["at_attach_bytes"]
            == written["resident_memory"]["at_attach_bytes"]
            is not None
        )
        with Costly(wire, first=wire.last_batch + 1):
            until(lambda: now(client, session).step == "counters_only", "another step back")


def test_a_budget_that_was_kept_is_not_missed_for_what_came_before(folder: Path) -> None:
    with Serving(folder) as serving, Client(serving.address) as client:
        session = client.attach(os.getpid(), EVERYTHING, max_overhead_percent=5.0).result()
        wire = serving.made[0].wire
        assert wire is not None
        wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
        until(lambda: document(client, session)["quality"]["recorded_count"] == 1, "the batch to be taken")
        serving.crash()
        wire.close()
    with Serving(folder) as serving, Client(serving.address) as client:
        wire = MiniShipper(serving.address, hello(session.session_id, pid=os.getpid()))
        with Costly(wire, spent_ns=0, so_far_ns=3600 * 1000 * MS, first=2):
            until(lambda: client.figures(session.session_id).cost.in_target_ns > 0, "a look")
            looked = now(client, session).duration_ns
            until(lambda: now(client, session).duration_ns > looked + 20 * MS, "some more")
        assert [step.step for step in client.report(session.session_id).steps] == ["full"]
