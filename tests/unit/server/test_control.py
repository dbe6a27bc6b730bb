from __future__ import annotations

import json
import os
import threading

import pytest

from memscope_client import Client, DaemonError, Sampling
from memscope_daemon import clock
from memscope_daemon.errors import AttachFailed, AttachRefused, MemscopeError, TargetEnded
from memscope_daemon.render.formats import FORMATS
from memscope_daemon.server import tracking as tracking_module
from tests.support.waiting import until
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import FakeShipper, FakeTracking, Serving

EVERYTHING = Sampling.rate(1.0, seed=7)
PID = os.getpid()


def test_the_version_says_who_serves(client: Client) -> None:
    found = client.version()
    assert (found.protocol_version, found.pid) == (1, PID)


def test_attach_tells_of_progress_and_ends_with_an_active_session(serving: Serving, client: Client) -> None:
    attachment = client.attach(PID, EVERYTHING)
    assert list(attachment) == ["waiting for the GIL"]
    session = attachment.result()
    assert (session.state, session.target.pid, session.attach.route) == ("active", PID, "K")
    assert session.attach.stops[0].duration_ns == 101_000
    assert [one.session_id for one in client.sessions()] == [session.session_id]


def test_detach_returns_when_the_last_event_is_stored(serving: Serving, client: Client) -> None:
    session = client.attach(PID, EVERYTHING).result()
    ended = client.detach(session.session_id)
    assert (ended.state, ended.end_reason, ended.detach.total_ns) == ("ended", "detached", 900_000)
    assert client.report(session.session_id).figures.live_bytes.value == 31
    assert client.detach(session.session_id).state == "ended"


def test_a_second_attach_to_a_tracked_process_is_refused(serving: Serving, client: Client) -> None:
    session = client.attach(PID, EVERYTHING).result()
    with pytest.raises(DaemonError, match=f"tracked already by session {session.session_id}") as refused:
        client.attach(PID, EVERYTHING).result()
    assert (refused.value.code, refused.value.exit_code) == ("session.already-attached", 3)
    client.detach(session.session_id)
    again = client.attach(PID, EVERYTHING).result()
    assert again.session_id != session.session_id


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (AttachRefused("attach.zombie", "it is a zombie", "reap it"), 3),
        (AttachFailed("attach.dlopen", "it could not load the shim", "see above"), 1),
        (TargetEnded("attach.exited", "it ended", "attach to another"), 4),
    ],
)
def test_a_refusal_reaches_the_client_whole(
    serving: Serving, client: Client, error: MemscopeError, exit_code: int
) -> None:
    def refuse(tracking: FakeTracking) -> None:
        tracking.refusal = error

    serving.prepare = refuse
    with pytest.raises(DaemonError) as refused:
        client.attach(PID, EVERYTHING).result()
    found = refused.value
    assert (found.code, found.message, found.next_step) == (error.code, error.message, error.next_step)
    assert found.exit_code == exit_code
    assert client.sessions(include_ended=True) == ()


def test_a_bug_in_an_attach_is_answered_and_not_swallowed(serving: Serving, client: Client) -> None:
    def break_it(tracking: FakeTracking) -> None:
        raise ZeroDivisionError("made up")

    serving.prepare = break_it
    with pytest.raises(DaemonError, match="made up") as refused:
        client.attach(PID, EVERYTHING).result()
    assert refused.value.code == "daemon.bug"


def test_an_attach_whose_shipper_never_comes_is_taken_back(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_silent(tracking: FakeTracking) -> None:
        tracking.says_hello = False

    monkeypatch.setattr(tracking_module, "HELLO_TIMEOUT_S", 0.05)
    serving.prepare = be_silent
    with pytest.raises(DaemonError, match="the hooks are out again"):
        client.attach(PID, EVERYTHING).result()
    assert not serving.made[0].shipper.alive


def test_an_attach_that_is_given_up_is_cancelled(serving: Serving, client: Client) -> None:
    def hold(tracking: FakeTracking) -> None:
        tracking.hold = threading.Event()
        tracking.refusal = AttachRefused("attach.cancelled", "it was cancelled", "attach again")

    serving.prepare = hold
    attachment = client.attach(PID, EVERYTHING)
    assert next(iter(attachment)) == "waiting for the GIL"
    attachment.cancel()
    assert serving.made[0].cancelled.wait(30)


def test_an_attach_that_is_given_up_when_the_hooks_are_in_is_taken_back(
    serving: Serving, client: Client
) -> None:
    """Ctrl-C between the hooks and the answer left a session that nobody knew of."""

    def hold(tracking: FakeTracking) -> None:
        tracking.hold = threading.Event()

    serving.prepare = hold
    attachment = client.attach(PID, EVERYTHING)
    assert next(iter(attachment)) == "waiting for the GIL"
    attachment.cancel()
    (ended,) = until(
        lambda: [one for one in client.sessions(include_ended=True) if one.is_ended], "the session's end"
    )
    assert ended.end_reason == "detached"
    assert client.sessions() == ()


def test_a_daemon_is_wanted_while_an_attach_waits(serving: Serving, client: Client) -> None:
    """One that ends when nobody wants it would take the attach with it."""

    def hold(tracking: FakeTracking) -> None:
        tracking.hold = threading.Event()
        tracking.refusal = AttachRefused("attach.cancelled", "it was cancelled", "attach again")

    serving.prepare = hold
    attachment = client.attach(PID, EVERYTHING)
    assert next(iter(attachment)) == "waiting for the GIL"
    assert serving.book.unasked_ns == 0
    attachment.cancel()
    until(lambda: serving.book.unasked_ns > 0, "the attach to be over")


def test_a_daemon_that_was_just_found_is_wanted(serving: Serving, client: Client) -> None:
    until(lambda: serving.book.unasked_ns > 0, "time to pass")
    before_ns = clock.monotonic_ns()
    client.version()
    assert serving.book.unasked_ns <= clock.monotonic_ns() - before_ns


@pytest.mark.parametrize("sampling", [Sampling("rate", 1.5), Sampling("rate", 0.0), Sampling("", 1.0)])
def test_a_sampling_that_makes_no_sense_is_refused(client: Client, sampling: Sampling) -> None:
    with pytest.raises(DaemonError) as refused:
        client.attach(PID, sampling).result()
    assert refused.value.code.startswith("config.")
    assert refused.value.exit_code == 2


def test_a_new_sampling_goes_to_the_shipper(serving: Serving, client: Client) -> None:
    session = client.attach(PID, EVERYTHING).result()
    changed = client.set_sampling(session.session_id, Sampling.bytes(65_537.0))
    assert (changed.sampling.mode, changed.sampling.value) == ("bytes", 65_537.0)
    wire = serving.made[0].wire
    assert wire is not None
    wire.read()
    assert wire.commands[0].set_sampling.sampling.value == 65_537.0


def test_a_sampling_set_while_a_shipper_is_replaced_goes_to_the_next_one(
    serving: Serving, client: Client
) -> None:
    session = client.attach(PID, EVERYTHING).result()
    tracking = serving.made[0]
    assert tracking.wire is not None
    commanded = threading.Event()

    def come(dead: FakeTracking) -> MiniShipper:
        client.set_sampling(session.session_id, Sampling.bytes(65_537.0))
        successor = MiniShipper(serving.address, hello(session.session_id, pid=PID))
        successor.read()
        commanded.set()
        return successor

    tracking.successor = come
    tracking.wire.close()
    tracking.shipper.alive = False
    assert commanded.wait(30)
    until(lambda: tracking.wire is not None and bool(tracking.wire.commands), "the successor to be told")
    assert [one.set_sampling.sampling.value for one in tracking.wire.commands] == [65_537.0]


def test_what_a_lost_shipper_had_not_sent_is_counted_and_the_report_says_where_it_ends(
    serving: Serving, client: Client
) -> None:
    session = client.attach(PID, EVERYTHING).result()
    tracking = serving.made[0]
    tracking.says_goodbye = False
    assert tracking.wire is not None
    last = batch(1, events(size_bytes=[31, 37]), dictionary=dictionary(2))
    last.produced_count, last.time_ns = 102, 3_000_000_000
    tracking.wire.send(last)
    tracking.wire.await_ack(1)
    tracking.wire.close()
    tracking.shipper.alive = False
    until(lambda: not client.sessions(), "the session to end")
    report = client.report(session.session_id)
    assert [(loss.cause, loss.record_count) for loss in report.quality.losses] == [("shipper_died", 100)]
    assert report.figures.live_bytes.high == 68 + 100 * 34  # each may have been like those that came
    preface = json.loads(client.export(session.session_id, "json")[1])["preface"]
    assert preface[0].startswith("Cut off at 3.0 s: memscope's shipper was lost.")


def test_a_session_that_others_attached_is_detached_over_its_stream(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(client.detach(SESSION_ID).end_reason))
    asking.start()
    shipper.read()
    assert shipper.commands[0].WhichOneof("command") == "detach"
    shipper.goodbye()
    asking.join(30)
    assert answers == ["detached"]


def test_a_shipper_that_was_asked_to_leave_and_came_again_is_asked_again(
    serving: Serving, client: Client
) -> None:
    first = MiniShipper(serving.address, hello())
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(client.detach(SESSION_ID).end_reason))
    asking.start()
    first.read()
    first.close()
    second = MiniShipper(serving.address, hello())
    second.read()
    assert [command.WhichOneof("command") for command in second.commands] == ["detach"]
    second.goodbye()
    asking.join(30)
    assert answers == ["detached"]


@pytest.mark.parametrize("asks", ["detach", "set_sampling"])
def test_a_shipper_that_is_on_its_way_back_is_waited_for(serving: Serving, client: Client, asks: str) -> None:
    first = MiniShipper(serving.address, hello())
    entry = serving.book.get(SESSION_ID)
    first.close()
    until(lambda: not entry.is_connected, "its stream to be gone")
    answers: list[str] = []

    def ask() -> None:
        if asks == "detach":
            answers.append(client.detach(SESSION_ID).end_reason)
        else:
            answers.append(client.set_sampling(SESSION_ID, Sampling.rate(0.5)).state)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.2)
    assert asking.is_alive(), answers
    second = MiniShipper(serving.address, hello())
    while asks not in [command.WhichOneof("command") for command in second.commands]:
        second.read()
    if asks == "detach":
        second.goodbye()
    asking.join(30)
    assert answers == ["detached" if asks == "detach" else "active"]


def test_a_shipper_that_does_not_come_back_is_said(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_module, "RETURN_TIMEOUT_S", 0.1)
    first = MiniShipper(serving.address, hello())
    entry = serving.book.get(SESSION_ID)
    first.close()
    until(lambda: not entry.is_connected, "its stream to be gone")
    for ask in (client.detach, lambda session: client.set_sampling(session, Sampling.rate(0.5))):
        with pytest.raises(DaemonError, match="out of reach") as refused:
            ask(SESSION_ID)
        assert refused.value.code == "session.no-shipper"


def test_a_shipper_that_dies_ends_its_session_by_name(serving: Serving, client: Client) -> None:
    session = client.attach(PID, EVERYTHING).result()
    tracking = serving.made[0]
    tracking.says_goodbye = False
    assert tracking.wire is not None
    tracking.wire.close()
    tracking.shipper.alive = False
    until(lambda: not client.sessions(), "the session to end")
    (ended,) = client.sessions(include_ended=True)
    assert (ended.session_id, ended.end_reason) == (session.session_id, "shipper_lost")


class SeenDeadOnce(FakeShipper):
    """As it is when another has taken over between the watcher's look and what comes of it."""

    looks = 0
    is_running = True

    @property
    def alive(self) -> bool:
        self.looks += 1
        return self.is_running and self.looks > 1

    @alive.setter
    def alive(self, alive: bool) -> None:
        self.is_running = alive


def test_a_shipper_that_was_seen_dead_and_has_a_successor_by_now_keeps_nobody_waiting(
    serving: Serving, client: Client
) -> None:
    session = client.attach(PID, Sampling.rate(1.0)).result()
    (tracking,) = serving.made
    seen = SeenDeadOnce()
    tracking.shipper = seen
    until(lambda: seen.looks > 2, "the watcher to look again")
    assert client.detach(session.session_id, timeout_s=20.0).end_reason == "detached"
    assert tracking.resumed == []


def test_a_shipper_that_dies_has_a_successor_that_goes_on_where_it_stopped(
    serving: Serving, client: Client
) -> None:
    session = client.attach(PID, EVERYTHING).result()
    tracking = serving.made[0]
    first = tracking.wire
    assert first is not None
    raw_id = 1 << 63 | 7
    first.send(batch(1, events(size_bytes=[31, 37], allocation_id=[1, raw_id]), dictionary=dictionary(2)))
    first.await_ack(1)

    def come(dead: FakeTracking) -> MiniShipper:
        successor = MiniShipper(serving.address, hello(session.session_id, pid=PID))
        assert successor.last_batch == dead.resumed[-1].last_batch == 1
        successor.send(batch(2, events(size_bytes=[41], allocation_id=[2])))
        return successor

    tracking.successor = come
    first.close()
    tracking.shipper.alive = False
    until(lambda: client.report(session.session_id).figures.live_bytes.value == 109, "its events")
    (resume,) = tracking.resumed
    assert (resume.event_position, resume.raw_position, resume.thrown_away_count) == (1, 1, 0)
    assert (resume.string_count, resume.frame_count, resume.stack_count, resume.thread_count) == (6, 3, 2, 2)
    assert [one.state for one in client.sessions()] == ["active"]
    tracking.says_goodbye = False
    tracking.wire.goodbye()
    tracking.shipper.alive = False
    until(lambda: tracking.is_closed, "what was held for a successor to be given back")


def test_shippers_that_die_one_after_the_other_are_not_replaced_for_ever(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_module, "SUCCESSORS_MAX", 2)
    monkeypatch.setattr(tracking_module, "LOOK_EACH_S", 0.01)
    session = client.attach(PID, EVERYTHING).result()
    tracking = serving.made[0]

    def die(dead: FakeTracking) -> MiniShipper:
        successor = MiniShipper(serving.address, hello(session.session_id, pid=PID))
        successor.close()
        dead.shipper.alive = False
        return successor

    tracking.successor, tracking.says_goodbye = die, False
    assert tracking.wire is not None
    tracking.wire.close()
    tracking.shipper.alive = False
    until(lambda: not client.sessions(), "the session to end")
    assert len(tracking.resumed) == 2
    (ended,) = client.sessions(include_ended=True)
    assert ended.end_reason == "shipper_lost"


def test_a_target_that_ends_by_itself_ends_its_session(serving: Serving, client: Client) -> None:
    client.attach(PID, EVERYTHING).result()
    tracking = serving.made[0]
    assert tracking.wire is not None
    tracking.wire.goodbye(reason=2, detail="exited with 0")
    tracking.shipper.alive = False
    (ended,) = client.sessions(include_ended=True)
    assert (ended.end_reason, ended.end_detail) == ("target_exited", "exited with 0")
    again = client.attach(PID, EVERYTHING).result()
    assert again.state == "active"


def test_stopping_the_daemon_detaches_every_target(serving: Serving, client: Client) -> None:
    ours = [client.attach(pid, EVERYTHING).result() for pid in (PID, os.getppid())]
    serving.close()
    assert [one.shipper.alive for one in serving.made] == [False, False]
    infos = {entry.info.session_id: entry.info.end_reason.name for entry in serving.book.entries()}
    assert infos == {one.session_id: "DETACHED" for one in ours}


@pytest.mark.parametrize("ask", ["detach", "report", "figures"])
def test_a_session_that_is_not_there_is_not_found(client: Client, ask: str) -> None:
    with pytest.raises(DaemonError) as refused:
        getattr(client, ask)("00000000000000ff")
    assert refused.value.code == "session.not-found"


def test_an_export_of_an_unknown_kind_names_those_there_are(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    with pytest.raises(DaemonError, match="there is no format 'cuneiform'") as refused:
        client.export(SESSION_ID, "cuneiform")
    assert "json, collapsed, speedscope, svg, html" in refused.value.next_step
    with pytest.raises(DaemonError, match="there is no measure 'miles'"):
        client.export(SESSION_ID, "collapsed", measure="miles")
    shipper.close()


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_is_written_by_the_name_that_it_has(
    serving: Serving, client: Client, format_name: str
) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(batch(1, events(size_bytes=[104_729]), dictionary=dictionary(1)))
    shipper.await_ack(1)
    name, content = client.export(SESSION_ID, format_name, measure="allocated_bytes")
    assert name == FORMATS[format_name]
    assert b"allocate_1" in content
    shipper.close()
