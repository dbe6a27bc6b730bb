from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from memscope_client import Client
from memscope_daemon._pb import control_service_pb2, events_pb2
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.errors import SystemFailure
from memscope_daemon.model.columns import Columns
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.server.recording import Recording
from memscope_daemon.server.status import METADATA_KEY
from memscope_daemon.store.capture import Capture
from tests.support.waiting import until
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving


def first_batch() -> pb.Batch:
    return batch(1, events(size_bytes=[31, 37, 41], stack_id=[1, 2, 2]), dictionary=dictionary(3))


def second_batch() -> pb.Batch:
    columns = events(
        size_bytes=[101, 31], kind=[1, 2], allocation_id=[4, 1], stack_id=[3, 1], time_ns=[10, 11]
    )
    return batch(2, columns)


def code_of(error: grpc.RpcError) -> str:
    for key, value in error.trailing_metadata():
        if key == METADATA_KEY:
            return str(control_service_pb2.ErrorDetail.FromString(value).code)
    return ""


def live_bytes(client: Client, session_id: str = SESSION_ID) -> float:
    return client.report(session_id).figures.live_bytes.value


def test_events_are_stored_before_they_are_acknowledged(serving: Serving) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(first_batch())
    shipper.await_ack(1)
    shipper.close()
    serving.close()
    capture = Capture.open(serving.folder / f"{SESSION_ID}.duckdb")
    assert capture.rows("SELECT size_bytes FROM events") == [(31,), (37,), (41,)]
    assert capture.meta()["last_batch"] == "1"
    capture.close()


def test_a_shipper_that_comes_again_goes_on_behind_the_last_stored_batch(
    serving: Serving, client: Client
) -> None:
    shipper = MiniShipper(serving.address, hello())
    assert shipper.last_batch == 0
    shipper.send(first_batch())
    shipper.await_ack(1)
    shipper.close()
    again = MiniShipper(serving.address, hello())
    assert again.last_batch == 1
    again.send(second_batch())
    again.goodbye()
    assert live_bytes(client) == 37 + 41 + 101


def test_a_batch_that_comes_twice_is_counted_once(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    for message in (first_batch(), first_batch(), second_batch(), first_batch(), second_batch()):
        shipper.send(message)
    shipper.await_ack(2)
    report = client.report(SESSION_ID)
    assert report.figures.live_bytes.value == 37 + 41 + 101
    assert report.quality.recorded_count == 5
    shipper.close()


def test_a_daemon_that_comes_back_knows_everything_that_was_stored(folder: Path) -> None:
    with Serving(folder) as serving, Client(serving.address) as client:
        shipper = MiniShipper(serving.address, hello())
        shipper.send(first_batch())
        shipper.await_ack(1)
        before = client.report(SESSION_ID)
        shipper.close()
    with Serving(folder) as serving, Client(serving.address) as client:
        shipper = MiniShipper(serving.address, hello())
        assert shipper.last_batch == 1
        after = client.report(SESSION_ID)
        assert (after.figures, after.sites, after.threads) == (before.figures, before.sites, before.threads)
        assert client.figures(SESSION_ID).figures == before.figures
        shipper.send(second_batch())
        shipper.goodbye()
        assert live_bytes(client) == 37 + 41 + 101
        assert client.report(SESSION_ID).figures.peak_bytes.value == 31 + 37 + 41 + 101


def test_figures_from_memory_and_from_the_store_agree(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(first_batch())
    shipper.send(second_batch())
    shipper.await_ack(2)
    report = client.report(SESSION_ID)
    snapshot = client.figures(SESSION_ID, site_count=50)
    assert snapshot.figures == report.figures
    assert snapshot.sites == report.sites
    shipper.close()


def test_batches_that_never_came_are_counted_as_lost(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    first = first_batch()
    first.shipped_count = 3
    shipper.send(first)
    late = second_batch()
    late.batch_number, late.shipped_count = 4, 3 + 17 + 2
    shipper.send(late)
    shipper.await_ack(4)
    quality = client.report(SESSION_ID).quality
    assert [(loss.cause, loss.record_count) for loss in quality.losses] == [("batch_gap", 17)]
    assert quality.lost_count == 17
    shipper.close()


def test_losses_that_the_shim_counted_are_in_the_quality(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    message = first_batch()
    message.losses.add(cause="alloc_ring_full", record_count=2, weighted_count=2.0, weighted_bytes=62.0)
    shipper.send(message)
    shipper.await_ack(1)
    report = client.report(SESSION_ID)
    assert report.quality.lost_count == 2
    assert report.figures.allocated_bytes.high == 109 + 62
    shipper.close()


def test_a_second_stream_of_a_session_takes_over(serving: Serving) -> None:
    first = MiniShipper(serving.address, hello())
    second = MiniShipper(serving.address, hello())
    error = first.error()
    assert (error.code(), code_of(error)) == (grpc.StatusCode.ABORTED, "ingest.replaced")
    second.send(first_batch())
    second.await_ack(1)
    second.close()


def test_sessions_do_not_mix(serving: Serving, client: Client) -> None:
    shippers = [MiniShipper(serving.address, hello(f"{number:016x}")) for number in range(1, 6)]
    for number, shipper in enumerate(shippers, 1):
        shipper.send(batch(1, events(size_bytes=[1009 * number]), dictionary=dictionary(1)))
    for shipper in shippers:
        shipper.goodbye()
    assert [live_bytes(client, f"{number:016x}") for number in range(1, 6)] == [1009 * n for n in range(1, 6)]
    assert {session.end_reason for session in client.sessions(include_ended=True)} == {"detached"}
    assert client.sessions() == ()


def test_ended_sessions_let_go_of_their_files_and_answer_all_the_same(
    serving: Serving, client: Client
) -> None:
    for number in range(1, 7):
        shipper = MiniShipper(serving.address, hello(f"{number:016x}"))
        shipper.send(batch(1, events(size_bytes=[1009 * number]), dictionary=dictionary(1)))
        shipper.goodbye()
    first = serving.folder / f"{1:016x}.duckdb"
    until(lambda: first.resolve() not in open_files(), "the oldest file is closed")
    assert (serving.folder / f"{6:016x}.duckdb").resolve() in open_files()
    assert [live_bytes(client, f"{n:016x}") for n in range(1, 7)] == [1009 * n for n in range(1, 7)]


def open_files() -> set[Path]:
    links = Path("/proc/self/fd").iterdir()
    return {link.readlink() for link in links if link.exists()}


def test_goodbye_says_why_a_session_ended(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.goodbye(reason=2, detail="killed by SIGKILL")
    (session,) = client.sessions(include_ended=True)
    assert (session.state, session.end_reason, session.end_detail) == (
        "ended",
        "target_exited",
        "killed by SIGKILL",
    )


# --- hostile and broken shippers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("greeting", "what"),
    [
        (pb.Hello(protocol_version=2, session_id=SESSION_ID), "protocol 2 is not spoken here"),
        (pb.Hello(protocol_version=1, session_id="../../etc/passwd"), "16 hex digits"),
        (pb.Hello(protocol_version=1, session_id=SESSION_ID), "sampling mode 0"),
    ],
)
def test_a_hello_that_makes_no_sense_is_refused(serving: Serving, greeting: pb.Hello, what: str) -> None:
    shipper = MiniShipper(serving.address)
    shipper.send_raw(pb.IngestStreamRequest(hello=greeting))
    error = shipper.error()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert what in error.details()
    assert serving.book.entries() == []


def test_a_stream_without_a_hello_is_refused(serving: Serving) -> None:
    shipper = MiniShipper(serving.address)
    shipper.send(first_batch())
    assert "not Hello" in shipper.error().details()


def test_a_broken_batch_ends_the_stream_and_keeps_what_was_before(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(first_batch())
    shipper.send(batch(2, events_pb2.EventColumns(count=3, kind=b"\x01")))
    error = shipper.error()
    assert (error.code(), code_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "ingest.bad-columns")
    assert live_bytes(client) == 109
    again = MiniShipper(serving.address, hello())
    again.send(second_batch())
    again.goodbye()
    assert live_bytes(client) == 37 + 41 + 101


@pytest.mark.parametrize("request_", [pb.IngestStreamRequest(), pb.IngestStreamRequest(hello=hello())])
def test_what_does_not_belong_into_the_middle_is_refused(
    serving: Serving, request_: pb.IngestStreamRequest
) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send_raw(request_)
    error = shipper.error()
    assert (error.code(), code_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "ingest.bad-protocol")


def test_a_batch_without_a_number_is_refused(serving: Serving) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(batch(0, events(size_bytes=[31])))
    assert "without a number" in shipper.error().details()


# --- a store that refuses ---------------------------------------------------------------------------------


def test_a_full_disk_delays_the_acknowledgement_and_loses_nothing(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Capture.append
    refused = []

    def refuse(self: Capture, *given: object) -> None:
        refused.append(given)
        raise SystemFailure("store.not-written", "the disk is full", "make room")

    shipper = MiniShipper(serving.address, hello())
    monkeypatch.setattr(Capture, "append", refuse)
    shipper.send(first_batch())
    until(lambda: len(refused) >= 2, "the store to be tried again")
    assert shipper.acknowledged == 0
    assert client.figures(SESSION_ID).figures.live_bytes.value == 109
    monkeypatch.setattr(Capture, "append", write)
    shipper.await_ack(1)
    assert live_bytes(client) == 109
    shipper.close()


def test_a_recording_takes_no_more_than_its_bound_while_the_store_refuses(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memscope_daemon.server import recording

    monkeypatch.setattr(recording, "PILE_ROWS_MAX", 4)
    found = Recording(folder / "a.duckdb", SamplingMode.RATE)
    found.take(first_batch())
    assert found.has_room
    found.take(second_batch())
    assert not found.has_room
    found.commit()
    assert found.has_room
    found.close()


def test_a_file_that_cannot_be_made_is_tried_again_when_the_shipper_comes_again(
    serving: Serving, client: Client
) -> None:
    in_the_way = serving.folder / f"{SESSION_ID}.duckdb.wal"
    in_the_way.mkdir()
    shipper = MiniShipper(serving.address, hello())
    shipper.send(first_batch())
    error = shipper.error()
    assert (error.code(), code_of(error)) == (grpc.StatusCode.UNAVAILABLE, "store.not-opened")
    in_the_way.rmdir()
    again = MiniShipper(serving.address, hello())
    assert again.last_batch == 0
    again.send(first_batch())
    again.goodbye()
    assert live_bytes(client) == 109


# --- written = stored + lost -------------------------------------------------------------------------------


def quality(client: Client) -> tuple[int, int, dict[str, int]]:
    """Written, recorded, and what was lost by cause."""
    found = client.report(SESSION_ID).quality
    return found.written_count, found.recorded_count, {one.cause: one.record_count for one in found.losses}


def numbered(produced_count: int, shipped_count: int) -> pb.Batch:
    """A first batch of three events that says so."""
    found = first_batch()
    found.produced_count, found.shipped_count = produced_count, shipped_count
    return found


@pytest.mark.parametrize(
    ("produced_count", "shipped_count", "lost"),
    [
        (3, 3, {}),
        (4, 3, {"unaccounted": 1}),  # read from the rings, or not even that, and in no batch
        (4, 4, {"batch_gap": 1}),  # out of a batch
        (6, 4, {"batch_gap": 1, "unaccounted": 2}),
    ],
)
def test_not_one_record_vanishes_uncounted(
    serving: Serving, client: Client, produced_count: int, shipped_count: int, lost: dict[str, int]
) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(numbered(produced_count, shipped_count))
    shipper.await_ack(1)
    assert "unaccounted" not in quality(client)[2], "while the session runs it may be on its way"
    shipper.goodbye()
    assert quality(client) == (produced_count, 3, lost)
    assert client.report(SESSION_ID).quality.lost_count == sum(lost.values())


def test_an_event_that_the_store_loses_is_missed(
    serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Capture._append_events

    def lose_one(self: Capture, columns: list[Columns]) -> None:
        parts = [(one.count - 1, one.arrays()) for one in columns]
        append(self, [Columns(n, **{name: array[1:] for name, array in part.items()}) for n, part in parts])

    monkeypatch.setattr(Capture, "_append_events", lose_one)
    shipper = MiniShipper(serving.address, hello())
    shipper.send(numbered(3, 3))
    shipper.goodbye()
    assert quality(client) == (3, 2, {"unaccounted": 1})


def test_what_was_lost_on_the_way_is_not_lost_again_by_the_next_daemon(
    serving: Serving, client: Client, folder: Path
) -> None:
    shipper = MiniShipper(serving.address, hello())
    shipper.send(numbered(4, 4))
    shipper.await_ack(1)
    shipper.close()
    serving.book.close()
    reopened = Recording(serving.folder / f"{SESSION_ID}.duckdb", SamplingMode.RATE)
    second = second_batch()
    second.produced_count = second.shipped_count = 6
    reopened.take(second)
    assert reopened.resume_point(SamplingConfig(SamplingMode.RATE, 1.0)).shipped_count == 6
    reopened.close()
