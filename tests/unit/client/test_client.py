"""The client over real gRPC."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import AutoExport, Client, DaemonError, Sampling
from memscope_client._pb import control_service_pb2, query_service_pb2, report_pb2, session_pb2
from memscope_client.convert import enum_number, enum_text, from_message, to_message
from memscope_client.figures import Report, Snapshot, SystemSample
from tests.unit.cli.fake_daemon import COLLAPSED, SESSION_ID, FakeDaemon, Serving

PID = 104729


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(PID)
    with Serving(fake, f"unix:{tmp_path}/d.sock"):
        yield fake


@pytest.fixture
def client(daemon: FakeDaemon, tmp_path: Path) -> Iterator[Client]:
    with Client(f"unix:{tmp_path}/d.sock") as one:
        yield one


def test_an_attach_tells_its_progress_and_then_the_session(client: Client) -> None:
    attachment = client.attach(PID, Sampling.rate(0.25, seed=7))
    assert list(attachment) == ["looking at the target"]
    session = attachment.result()
    assert (session.session_id, session.state, session.target.pid) == (SESSION_ID, "active", PID)


def test_sampling_goes_over_the_wire_as_it_was_given(client: Client, daemon: FakeDaemon) -> None:
    client.attach(PID, Sampling.bytes(65537, depth=17)).result()
    changed = client.set_sampling(SESSION_ID, Sampling.rate(1.0, depth=0, seed=2**64 - 1))
    assert changed.sampling == Sampling("rate", 1.0, False, 0, 2**64 - 1, True)


def test_a_refusal_carries_code_reason_next_step_and_exit_code(client: Client, daemon: FakeDaemon) -> None:
    daemon.refusal = control_service_pb2.ErrorDetail(
        code="attach.stopped", message="it is stopped", next_step="send SIGCONT", exit_code=3, severity="low"
    )
    with pytest.raises(DaemonError) as caught:
        client.attach(PID, Sampling.rate(1)).result()
    error = caught.value
    assert (error.code, error.message, error.next_step) == ("attach.stopped", "it is stopped", "send SIGCONT")
    assert (error.exit_code, error.severity) == (3, "low")


def test_an_attach_can_be_cancelled_from_another_thread(client: Client, daemon: FakeDaemon) -> None:
    daemon.hold_attach.clear()
    attachment = client.attach(PID, Sampling.rate(1))

    def cancel() -> None:
        daemon.attaching.wait(30)
        attachment.cancel()

    threading.Thread(target=cancel).start()
    with pytest.raises(DaemonError) as caught:
        attachment.result()
    assert caught.value.code == "client.cancelled"


def test_figures_come_with_their_intervals(client: Client) -> None:
    live = client.figures(SESSION_ID, site_count=3).sites[0].live_bytes
    assert (live.value, live.sample_count, live.exact) == (6_291_469, 31, False)
    assert live.low < live.value < live.high


def test_an_export_is_put_together_from_its_pieces(client: Client) -> None:
    assert client.export(SESSION_ID, "collapsed") == ("x.collapsed", COLLAPSED)


def test_a_report_names_its_losses(client: Client) -> None:
    assert [(loss.cause, loss.record_count) for loss in client.report(SESSION_ID).quality.losses] == [
        ("reentry", 2)
    ]


def test_detach_hands_back_the_ended_session(client: Client) -> None:
    client.attach(PID, Sampling.rate(1)).result()
    assert client.detach(SESSION_ID).is_ended
    assert [one.end_reason for one in client.sessions(include_ended=True)] == ["detached"]


def test_nobody_at_the_address_is_named_as_such(tmp_path: Path) -> None:
    with Client(f"unix:{tmp_path}/nobody.sock") as one, pytest.raises(DaemonError) as caught:
        one.version(timeout_s=5)
    assert caught.value.is_unavailable
    assert caught.value.next_step


def test_a_server_without_control_is_named_as_such(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/bare.sock"
    with Serving(None, address), Client(address) as one, pytest.raises(DaemonError) as caught:
        one.version()
    assert caught.value.is_unimplemented


def test_every_field_of_every_message_has_its_field_in_the_model() -> None:
    """What the daemon says and the model does not know would be lost without a word."""
    missing: list[str] = []
    compare(report_pb2.Report.DESCRIPTOR, from_message(Report, report_pb2.Report()), missing)
    assert missing == []


def compare(descriptor: object, value: object, missing: list[str]) -> None:
    names = {field.name for field in dataclasses.fields(value)}  # type: ignore[arg-type]
    for field in descriptor.fields:  # type: ignore[attr-defined]
        if field.name not in names:
            missing.append(f"{descriptor.name}.{field.name}")  # type: ignore[attr-defined]
        elif field.message_type is not None and dataclasses.is_dataclass(getattr(value, field.name)):
            compare(field.message_type, getattr(value, field.name), missing)


def test_what_a_message_does_not_set_is_none_and_zero_is_zero() -> None:
    message = report_pb2.SystemSample(timestamp_ns=7, cpu_usage_percent=0.0, thread_count=0)
    assert from_message(SystemSample, message) == SystemSample(7, cpu_usage_percent=0.0, thread_count=0)
    answer = query_service_pb2.GetFiguresResponse(host=message)
    snapshot = from_message(Snapshot, answer)
    assert snapshot.system is None and snapshot.host == SystemSample(7, cpu_usage_percent=0.0, thread_count=0)
    report = report_pb2.Report(system_snapshots=[message], system_scopes={"disk_read_bps": "storage"})
    found = from_message(Report, report)
    assert found.system_snapshots == (snapshot.host,) and found.host_snapshots == ()
    assert found.system_scopes == {"disk_read_bps": "storage"}


def test_enumerations_are_their_short_names() -> None:
    reasons = session_pb2.EndReason.DESCRIPTOR
    assert enum_text(reasons, session_pb2.END_REASON_TARGET_EXITED) == "target_exited"
    assert enum_text(reasons, 0) == ""
    assert enum_text(reasons, 4711) == ""
    assert enum_number(reasons, "target_exited") == session_pb2.END_REASON_TARGET_EXITED
    assert enum_number(reasons, "no such thing") == 0


def test_an_order_survives_the_way_there_and_back() -> None:
    for order in (AutoExport("/var/r", 2.5, ("json", "svg"), 7), AutoExport("/var/r")):
        assert from_message(AutoExport, to_message(session_pb2.AutoExport(), order)) == order


def test_a_folder_goes_over_the_wire_from_the_root_on(
    client: Client, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client.attach(PID, Sampling.rate(1), auto_export=AutoExport("r/../out")).result()
    assert daemon.asked is not None
    assert daemon.asked.auto_export.folder == str(tmp_path / "out")


def test_sampling_survives_the_way_there_and_back() -> None:
    for sampling in (Sampling.bytes(524288), Sampling.rate(0.01, depth=0, seed=3)):
        assert from_message(Sampling, to_message(session_pb2.SamplingConfig(), sampling)) == sampling
