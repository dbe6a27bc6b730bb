"""Clients that are broken, or mean it: each gets a clear status, and everybody else is served as before."""

from __future__ import annotations

import contextlib
import socket
import threading
import tracemalloc
from pathlib import Path

import grpc
import pytest

from memscope_client import Client, DaemonError
from memscope_daemon._pb import dictionary_pb2, events_pb2, session_pb2
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.ingest import columns, dictionary, losses
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model.dictionary import DictionaryRows
from memscope_daemon.server import book, host, ingest_service, sessions
from tests.support.waiting import until
from tests.unit.server.mini_shipper import (
    SESSION_ID,
    MiniShipper,
    batch,
    events,
    hello,
)
from tests.unit.server.mini_shipper import dictionary as some_rows
from tests.unit.server.serving import Serving

INVALID, EXHAUSTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
SMALL_BYTES = 1 << 20
NOT_A_NUMBER = float("nan")


def is_served(serving: Serving, session_id: str = "0000000000000fee") -> bool:
    """A shipper that behaves gets through, from Hello to Goodbye, and so does a question."""
    shipper = MiniShipper(serving.address, hello(session_id))
    shipper.send(batch(1, events(size_bytes=[1009]), dictionary=some_rows(1)))
    shipper.goodbye()
    with Client(serving.address) as client:
        return client.report(session_id).figures.live_bytes.value == 1009


# --- batches that claim -------------------------------------------------------------------------------------


def test_a_batch_that_only_claims_its_events_takes_no_memory() -> None:
    message = events_pb2.EventColumns(count=columns.EVENTS_MAX)
    tracemalloc.start()
    try:
        with pytest.raises(MemoryOperationError, match="has 0 bytes"):
            columns.decode(message)
        assert tracemalloc.get_traced_memory()[1] < SMALL_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", columns.NEEDED)
def test_what_no_event_can_do_without_must_be_there(name: str) -> None:
    message = events(size_bytes=[31, 37])
    message.ClearField(name)
    with pytest.raises(MemoryOperationError, match=f"column {name} has 0 bytes"):
        columns.decode(message)


@pytest.mark.parametrize("table", ["strings", "frames", "stacks"])
def test_a_number_far_beyond_all_rows_is_refused(table: str) -> None:
    far, message = 1 << 20, dictionary_pb2.Dictionary()
    if table == "strings":
        message.strings.add(string_id=far, text="far")
    elif table == "frames":
        message.frames.add(frame_id=far)
    else:
        message.stacks.add(stack_id=far)
    with pytest.raises(MemoryOperationError, match="out of range"):
        dictionary.decode(message, Tables())


@pytest.mark.parametrize("table", ["threads", "sampling_settings"])
def test_threads_and_settings_have_small_numbers(table: str) -> None:
    message = dictionary_pb2.Dictionary()
    if table == "threads":
        message.threads.add(thread_id=1 << 16)
    else:
        message.sampling_settings.add(sampling_id=1 << 16, mode=2, value=0.5)
    with pytest.raises(MemoryOperationError, match="out of range"):
        dictionary.decode(message, Tables())


def test_rows_after_some_that_were_lost_are_taken() -> None:
    message = dictionary_pb2.Dictionary()
    message.strings.add(string_id=1009, text="behind a gap")
    assert dictionary.decode(message, Tables()).strings == {1009: "behind a gap"}


def test_the_tables_of_a_session_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "TABLES_BYTES_MAX", 4 << 20)
    tables, taken = Tables(), 0
    with pytest.raises(MemoryOperationError, match="more than 4 MiB in one session"):
        for number in range(1, 1000):
            message = dictionary_pb2.Dictionary()
            message.strings.add(string_id=number, text="x" * 65_521)
            tables.add(dictionary.decode(message, tables))
            taken += 1
    assert taken == (4 << 20) // (65_521 + 256)


def test_tables_that_are_read_back_count_as_before() -> None:
    tables, again = Tables(), Tables()
    tables.add(dictionary.decode(some_rows(7), tables))
    again.add(DictionaryRows(tables.strings, tables.frames, tables.stacks, {}, tables.settings))
    assert tables.held_bytes == again.held_bytes > 0


# --- counters ----------------------------------------------------------------------------------------------


def loss(**fields: object) -> events_pb2.Loss:
    return events_pb2.Loss(**{"cause": "alloc_ring_full", "record_count": 1, **fields})


@pytest.mark.parametrize(
    "row",
    [
        loss(cause=""),
        loss(cause="Robert'); DROP TABLE events;--"),
        loss(cause="x" * 65),
        loss(record_count=(1 << 64) - 1),
        loss(weighted_count=NOT_A_NUMBER),
        loss(weighted_bytes=float("inf")),
        loss(weighted_bytes=-1.0),
    ],
)
def test_a_loss_that_makes_no_sense_refuses_the_batch(serving: Serving, row: events_pb2.Loss) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(batch(1, losses=[row]))
    assert shipper.error().code() is INVALID
    assert is_served(serving)


def test_a_session_has_only_so_many_causes_of_loss() -> None:
    rows = [loss(cause=f"cause_{number}") for number in range(losses.CAUSES_MAX)]
    assert len(losses.decode(rows, {}, 0)) == losses.CAUSES_MAX
    with pytest.raises(MemoryOperationError, match="causes"):
        losses.decode(rows, {"cause_1"}, 2)


@pytest.mark.parametrize("name", ["produced_count", "shipped_count"])
def test_a_counter_that_nobody_can_have_reached_refuses_the_batch(serving: Serving, name: str) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(batch(1, **{name: (1 << 64) - 1}))
    assert shipper.error().code() is INVALID


# --- greetings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [NOT_A_NUMBER, float("inf"), -1.0, 0.0, 2.0])
def test_a_hello_with_a_setting_that_makes_no_sense_is_refused(serving: Serving, value: float) -> None:
    shipper = MiniShipper(serving.address)
    shipper.send_raw(pb.IngestStreamRequest(hello=hello(value=value)))
    assert shipper.error().code() is INVALID
    assert serving.book.entries() == []


def test_the_texts_of_a_hello_are_cut(serving: Serving) -> None:
    greeting = hello()
    greeting.target.CopyFrom(session_pb2.Target(program="p" * 1_000_003, host="h" * 1_000_003))
    MiniShipper(serving.address, greeting).goodbye(detail="d" * 1_000_003)
    with Client(serving.address) as client:
        (session,) = client.sessions(include_ended=True)
    assert {len(session.target.program), len(session.target.host), len(session.end_detail)} == {4096}


def test_who_never_says_hello_is_sent_away(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_service, "HELLO_WAIT_S", 0.2)
    error = MiniShipper(serving.address).error()
    assert error.code() is INVALID
    assert "no Hello came" in error.details()


def test_a_message_beyond_the_bound_is_refused(serving: Serving) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(batch(1, dictionary=dictionary_pb2.Dictionary(strings=[long_string()])))
    assert shipper.error().code() is EXHAUSTED
    assert is_served(serving)


def long_string() -> dictionary_pb2.String:
    return dictionary_pb2.String(string_id=1, text="x" * (host.MESSAGE_BYTES_MAX + 1))


def test_bytes_that_are_no_message_end_the_call_alone(serving: Serving) -> None:
    with grpc.insecure_channel(serving.address) as channel:
        stream = channel.stream_stream("/memscope.v1.Ingest/Stream")
        with pytest.raises(grpc.RpcError) as refused:
            next(stream(iter([b"\xff" * 4211]), timeout=20))
    assert refused.value.code() in (grpc.StatusCode.INTERNAL, INVALID)
    assert is_served(serving)


def test_bytes_that_are_no_grpc_end_the_connection_alone(serving: Serving) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(20)
        raw.connect(serving.address.removeprefix("unix:"))
        with contextlib.suppress(ConnectionError):  # it may hang up in the midst
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n" + b"\xa5" * 4096)
            while raw.recv(65536):
                pass
    assert is_served(serving)


# --- too many ---------------------------------------------------------------------------------------------


def over(shippers: list[MiniShipper]) -> list[MiniShipper]:
    """Those that the server has sent away."""
    return [shipper for shipper in shippers if shipper.call.done()]


def test_streams_without_end_leave_room_for_questions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_service, "STREAMS_MAX", 5)
    with Serving(folder) as serving, Client(serving.address) as client:
        silent = [MiniShipper(serving.address) for _ in range(8)]
        until(lambda: len(over(silent)) == 3, "all but five to be sent away")
        for shipper in over(silent):
            error = shipper.error()
            assert (error.code(), "5 shippers" in error.details()) == (EXHAUSTED, True)
        assert client.sessions() == ()
        for shipper in silent:
            shipper.close()
        until(lambda: is_there_room(serving), "the streams to be let go of")
        assert is_served(serving)


def test_calls_beyond_the_bound_are_refused_and_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "CALLS_MAX", 5)
    with Serving(folder) as serving, Client(serving.address) as client:
        silent = [MiniShipper(serving.address) for _ in range(7)]
        until(lambda: len(over(silent)) == 2, "all but five to be sent away")
        assert {shipper.error().code() for shipper in over(silent)} == {EXHAUSTED}
        with pytest.raises(DaemonError, match="as many calls to answer as it can") as refused:
            client.version()
        assert (refused.value.code, bool(refused.value.next_step)) == ("client.resource-exhausted", True)
        for shipper in silent:
            shipper.close()
        until(lambda: is_there_room(serving), "the calls to be let go of")
        assert is_served(serving)


def is_there_room(serving: Serving) -> bool:
    """Whether a shipper is taken again."""
    shipper = MiniShipper(serving.address)
    shipper.send_raw(pb.IngestStreamRequest(hello=pb.Hello(protocol_version=77)))
    return shipper.error().code() is INVALID


def test_sessions_that_nobody_ends_are_bounded(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "ACTIVE_MAX", 3)
    shippers = [MiniShipper(serving.address, hello(f"{number:016x}")) for number in range(1, 4)]
    late = MiniShipper(serving.address)
    late.send_raw(pb.IngestStreamRequest(hello=hello("000000000000000a")))
    error = late.error()
    assert (error.code(), "3 sessions" in error.details()) == (EXHAUSTED, True)
    shippers[1].goodbye()
    MiniShipper(serving.address, hello("000000000000000b")).goodbye()


def test_those_whose_shipper_is_away_for_long_make_room(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "ACTIVE_MAX", 2)
    monkeypatch.setattr(sessions, "REST_AFTER_NS", 1)
    monkeypatch.setattr(book, "REST_AFTER_NS", 1)
    shippers = [MiniShipper(serving.address, hello(f"{number:016x}")) for number in range(1, 3)]
    shippers[0].close()
    until(lambda: serving.book.get(f"{1:016x}").unused_ns > 1, "its stream to be over")
    until(lambda: refused_or_served(serving), "room")
    ended = {one.session_id: one.end_reason for one in client.sessions(include_ended=True) if one.is_ended}
    assert ended[f"{1:016x}"] == "shipper_lost"
    assert f"{2:016x}" not in ended
    shippers[1].goodbye()


def refused_or_served(serving: Serving) -> bool:
    shipper = MiniShipper(serving.address)
    shipper.send_raw(pb.IngestStreamRequest(hello=hello("000000000000000c")))
    try:
        next(shipper.call)
    except grpc.RpcError as error:
        assert error.code() is EXHAUSTED
        return False
    shipper.goodbye()
    return True


def test_of_ended_sessions_only_so_many_are_kept(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "ENDED_KEPT_MAX", 3)
    for number in range(1, 8):
        shipper = MiniShipper(serving.address, hello(f"{number:016x}"))
        shipper.send(batch(1, events(size_bytes=[1009]), dictionary=some_rows(1)))
        shipper.goodbye()
    kept = [one.session_id for one in client.sessions(include_ended=True)]
    assert kept == [f"{number:016x}" for number in (4, 5, 6, 7)]
    until(lambda: actors() <= set(kept), "the threads of the others to have ended")
    assert (serving.folder / f"{1:016x}.duckdb").exists()
    with pytest.raises(DaemonError, match="there is no session"):
        client.report(f"{1:016x}")


def actors() -> set[str]:
    names = [thread.name for thread in threading.enumerate()]
    return {name.removeprefix("session-") for name in names if name.startswith("session-")}


def test_a_session_that_nobody_uses_rests_and_goes_on(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "REST_AFTER_NS", 1)
    monkeypatch.setattr(book, "REST_AFTER_NS", 1)
    first = MiniShipper(serving.address, hello())
    first.send(batch(1, events(size_bytes=[31, 37]), dictionary=some_rows(2)))
    first.await_ack(1)
    path = serving.folder.resolve() / f"{SESSION_ID}.duckdb"
    assert path in open_files()
    first.close()
    until(lambda: path not in open_files(), "its file to be closed")
    assert client.report(SESSION_ID).figures.live_bytes.value == 68
    until(lambda: path not in open_files(), "its file to be closed again")
    again = MiniShipper(serving.address, hello())
    assert again.last_batch == 1
    again.send(batch(2, events(size_bytes=[41], allocation_id=[3])))
    again.goodbye()
    assert client.report(SESSION_ID).figures.live_bytes.value == 109


def open_files() -> set[Path]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(link.readlink())
    return found


@pytest.mark.parametrize("session_id", ["", "x" * 1_000_003, "\x00", "../../etc/passwd"])
def test_a_question_about_nothing_gets_a_short_answer(client: Client, session_id: str) -> None:
    for ask in (client.report, client.figures, client.detach, lambda one: client.export(one, "json")):
        with pytest.raises(DaemonError) as refused:
            ask(session_id)
        assert refused.value.code == "session.not-found"
        assert len(refused.value.message) < 200
