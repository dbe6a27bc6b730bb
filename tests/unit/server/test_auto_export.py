"""Reports that the daemon writes by itself."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memscope_client import AutoExport, Client, DaemonError, Sampling, Session
from memscope_daemon.model.session import EndReason
from memscope_daemon.server import auto_export
from memscope_daemon.server.export_sets import sets_in
from tests.support.export_sets import Found, latest, leftovers, read_sets, session_folder
from tests.support.waiting import until
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving

EVERYTHING = Sampling.rate(1.0, seed=7)
PID = os.getpid()
BOTH = ("json", "collapsed")
TARGET_EXITED, SHIPPER_LOST = 2, 3


@pytest.fixture
def out(folder: Path) -> Path:
    return folder / "out" / "reports"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_export, "LOOK_S", 0.005)
    monkeypatch.setattr(auto_export, "RETRY_NS", 20_000_000)


def attached(client: Client, order: AutoExport) -> Session:
    return client.attach(PID, EVERYTHING, auto_export=order).result()


def shipping(serving: Serving, number: int = 1) -> MiniShipper:
    """A shipper whose one event is stored."""
    shipper = MiniShipper(serving.address, hello(f"{number:016x}"))
    shipper.send(batch(1, events(size_bytes=[31], stack_id=[1]), dictionary=dictionary(1)))
    shipper.await_ack(1)
    return shipper


def last(out: Path, session_id: str) -> Found:
    """The only set there is, once there is one."""
    newest = until(lambda: latest(out, session_id), "a set")
    until(lambda: not leftovers(out), "nothing to be left over")
    (found,) = read_sets(out, session_id)
    assert newest is not None
    assert newest.report == found.report
    return found


def by_detach(serving: Serving, client: Client) -> None:
    client.detach(serving.made[0].session_id)


def by_target(serving: Serving, client: Client) -> None:
    wire = serving.made[0].wire
    assert wire is not None
    wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
    wire.goodbye(TARGET_EXITED, "killed by SIGKILL")
    serving.made[0].shipper.alive = False


def by_budget(serving: Serving, client: Client) -> None:
    serving.book.get(serving.made[0].session_id).end_over_budget("1 % is too little")
    client.detach(serving.made[0].session_id)


def by_shipper(serving: Serving, client: Client) -> None:
    wire = serving.made[0].wire
    assert wire is not None
    wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
    wire.await_ack(1)
    serving.made[0].says_goodbye = False
    serving.made[0].shipper.alive = False
    wire.close()


def by_stop(serving: Serving, client: Client) -> None:
    serving.close()


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (by_detach, "detached"),
        (by_target, "target_exited"),
        (by_budget, "over_budget"),
        (by_shipper, "shipper_lost"),
        (by_stop, "detached"),
    ],
)
def test_every_end_leaves_a_whole_report(
    serving: Serving, client: Client, out: Path, end: Callable[[Serving, Client], None], reason: str
) -> None:
    session = attached(client, AutoExport(str(out), formats=BOTH))
    assert session.auto_export == AutoExport(str(out), formats=BOTH)
    end(serving, client)
    found = last(out, session.session_id)
    assert found.files == ("report.json", "stacks.collapsed")
    told = found.report["session"]
    assert (told["state"], told["end_reason"]) == ("ended", reason)
    assert found.report["current_memory_bytes"] == 31
    assert (found.path / "stacks.collapsed").read_text().endswith(" 31\n")
    until(lambda: not list((serving.folder / "owed").iterdir()), "nothing to be owed")


def test_an_end_that_was_a_detach_says_how_long_the_target_stood_still(
    serving: Serving, client: Client, out: Path
) -> None:
    """The session has ended before the tracker knows how it was left."""
    session = attached(client, AutoExport(str(out)))
    client.detach(session.session_id)
    assert last(out, session.session_id).report["detach"]["total_ns"] == 900_000


def test_files_and_folders_are_for_their_owner_alone(serving: Serving, client: Client, out: Path) -> None:
    session = attached(client, AutoExport(str(out)))
    client.detach(session.session_id)
    found = last(out, session.session_id)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (out, found.path.parent, found.path)]
    assert modes == [0o700] * 3
    assert stat.S_IMODE((found.path / "report.json").stat().st_mode) == 0o600
    assert found.path.parent.name == f"made_up.py-{PID}-{session.session_id}"


def test_sets_come_one_after_the_other_and_the_oldest_go(serving: Serving, client: Client, out: Path) -> None:
    session = attached(client, AutoExport(str(out), 0.1, BOTH, keep_count=2))
    until(lambda: client.sessions()[0].auto_export_status.written_count >= 4, "four sets")
    client.detach(session.session_id)
    until(lambda: not list((serving.folder / "owed").iterdir()), "the last one")
    sets = read_sets(out, session.session_id)
    numbers = [int(found.path.name.partition("-")[0]) for found in sets]
    assert len(numbers) == 2
    assert numbers[0] >= 4
    assert numbers[1] == numbers[0] + 1
    assert sets[-1].report["auto_export"]["written_count"] == numbers[0]
    assert sets[-1].report["session"]["end_reason"] == "detached"


def test_an_order_can_be_given_changed_and_taken_back_later(
    serving: Serving, client: Client, folder: Path
) -> None:
    session = client.attach(PID, EVERYTHING).result()
    assert session.auto_export.folder == ""
    first, second = folder / "a", folder / "b"
    client.set_auto_export(session.session_id, AutoExport(str(first), 0.1))
    until(lambda: read_sets(first, session.session_id), "a set in the first folder")
    changed = client.set_auto_export(session.session_id, AutoExport(str(second), 0.1))
    assert changed.auto_export.folder == str(second)
    until(lambda: read_sets(second, session.session_id), "a set in the second folder")
    assert client.set_auto_export(session.session_id, None).auto_export.folder == ""
    until(lambda: not list((folder / "owed").iterdir()), "nothing to be owed")
    count = len(read_sets(second, session.session_id))
    client.detach(session.session_id)
    serving.close()
    assert len(read_sets(second, session.session_id)) <= count + 1, "one may have been under way"
    assert not [one for one in read_sets(second, session.session_id) if one.report["session"]["end_reason"]]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (AutoExport("/proc/no/such"), "config.auto-export-folder"),
        (AutoExport("{out}", 0.01), "config.bad-every"),
        (AutoExport("{out}", float("nan")), "config.bad-every"),
        (AutoExport("{out}", formats=("json", "docx")), "render.unknown-format"),
        (AutoExport("{out}", formats=("json",) * 17), "config.bad-formats"),
        (AutoExport("{out}", keep_count=4_000_000_000), "config.bad-keep-exports"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_before_the_target_is_touched(
    serving: Serving, client: Client, out: Path, order: AutoExport, code: str
) -> None:
    given = AutoExport(
        order.folder.replace("{out}", str(out)), order.every_s, order.formats, order.keep_count
    )
    with pytest.raises(DaemonError) as refused:
        attached(client, given)
    assert refused.value.code == code
    assert refused.value.next_step
    assert serving.made == []


def test_an_order_for_a_session_that_has_ended_is_refused(
    serving: Serving, client: Client, out: Path
) -> None:
    session = client.attach(PID, EVERYTHING).result()
    client.detach(session.session_id)
    with pytest.raises(DaemonError, match="has ended"):
        client.set_auto_export(session.session_id, AutoExport(str(out)))


def test_what_stands_in_the_way_is_said_once_and_it_goes_on_after_that(
    serving: Serving,
    client: Client,
    out: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries, publish = [], auto_export.publish

    def counted(*arguments: object) -> object:
        tries.append(arguments)
        return publish(*arguments)

    monkeypatch.setattr(auto_export, "publish", counted)
    session = attached(client, AutoExport(str(out), 0.1))
    until(lambda: read_sets(out, session.session_id), "a set")
    aside = out.rename(out.with_name("aside"))
    out.write_text("no folder")

    def status() -> str:
        return client.sessions()[0].auto_export_status.error_code

    until(lambda: status() == "export.not-written", "the failure to be told")
    tries.clear()
    until(lambda: len(tries) >= 3, "more attempts")
    wrong = [record.getMessage() for record in caplog.records if "auto-export" in record.name + record.msg]
    assert len(wrong) == 1, wrong
    assert session.session_id in wrong[0]
    assert "Not a directory" in wrong[0]
    out.unlink()
    aside.rename(out)
    until(lambda: status() == "", "it to be well again")
    client.detach(session.session_id)
    until(lambda: read_sets(out, session.session_id)[-1].report["session"]["end_reason"], "the last one")


def test_an_end_that_cannot_be_written_is_written_once_there_is_room(
    serving: Serving, client: Client, out: Path
) -> None:
    session = attached(client, AutoExport(str(out)))
    out.rmdir()
    out.write_text("no folder")
    client.detach(session.session_id)
    entry = serving.book.get(session.session_id)
    until(lambda: entry.info.auto_export_status.error_code, "the failure to be told")
    assert entry.is_needed
    out.unlink()
    assert last(out, session.session_id).report["session"]["end_reason"] == "detached"
    until(lambda: not entry.owes_report, "nothing to be owed")


def test_leftovers_of_one_who_died_are_removed(serving: Serving, client: Client, out: Path) -> None:
    session = attached(client, AutoExport(str(out), 0.1))
    until(lambda: read_sets(out, session.session_id), "a set")
    where = session_folder(out, session.session_id)
    assert where is not None
    half = where / ".000009-20260102T030405Z.part"
    half.mkdir()
    (half / "report.json").write_text("{")
    until(lambda: not half.exists(), "the half set to go")
    assert sets_in(where)


def test_times_that_pass_while_one_is_made_are_counted_and_not_made_up_for(
    serving: Serving, client: Client, out: Path
) -> None:
    session = attached(client, AutoExport(str(out), 0.1))
    entry, asked, goes_on = serving.book.get(session.session_id), threading.Event(), threading.Event()

    def hold(_: object) -> None:
        asked.set()
        assert goes_on.wait(60)

    holding = threading.Thread(target=lambda: entry.ask(hold, exact=False))
    holding.start()
    assert asked.wait(60)
    written = entry.info.auto_export_status.written_count
    passed_at = time.monotonic() + 0.35
    until(lambda: time.monotonic() > passed_at, "three times to pass")
    goes_on.set()
    holding.join()
    until(lambda: entry.info.auto_export_status.written_count > written, "the one that had to wait")
    until(lambda: entry.info.auto_export_status.skipped_count >= 2, "the others to be counted")


def test_the_next_daemon_goes_on_with_the_order(folder: Path, out: Path) -> None:
    order = AutoExport(str(out), 0.1, keep_count=3)
    with Serving(folder) as serving, Client(serving.address) as client:
        shipper = shipping(serving)
        client.set_auto_export(f"{1:016x}", order)
        before = until(lambda: read_sets(out, f"{1:016x}"), "a set")
        serving.crash()
        shipper.close()
    with Serving(folder) as serving, Client(serving.address) as client:
        shipper = MiniShipper(serving.address, hello(f"{1:016x}"))
        (session,) = client.sessions()
        assert session.auto_export == order
        until(lambda: client.sessions()[0].auto_export_status.written_count, "a set by the next daemon")
        newest = latest(out, session.session_id)
        assert newest is not None
        assert newest.path.resolve().name > before[-1].path.name
        shipper.goodbye(TARGET_EXITED)
        until(
            lambda: read_sets(out, session.session_id)[-1].report["session"]["end_reason"] == "target_exited",
            "the report of the end",
        )


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_session_that_nobody_comes_back_for_is_reported_by_the_next_daemon(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, has_ended: bool
) -> None:
    """Its target and its shipper died while no daemon ran; or the daemon died before it had written."""
    monkeypatch.setattr(auto_export, "ADOPT_EACH_NS", 10_000_000)
    monkeypatch.setattr(auto_export, "TARGET_GONE_NS", 50_000_000)
    with Serving(folder) as serving, Client(serving.address) as client:
        shipper = shipping(serving)
        client.set_auto_export(f"{1:016x}", AutoExport(str(out), formats=BOTH))
        if has_ended:
            serving.exports._followed.clear()
            shipper.goodbye(TARGET_EXITED, "killed by SIGKILL")
        serving.crash()
        shipper.close()
    assert read_sets(out, f"{1:016x}") == []
    with Serving(folder) as serving, Client(serving.address) as client:
        found = last(out, f"{1:016x}")
        told = found.report["session"]
        how = ("target_exited", "killed by SIGKILL")
        lost = ("shipper_lost", "its target ended while no daemon ran")
        assert (told["end_reason"], told["end_detail"]) == (how if has_ended else lost)
        assert found.report["current_memory_bytes"] == 31
        assert found.report["target"]["program"] == "made_up.py"
        (session,) = client.sessions(include_ended=True)
        assert (session.session_id, session.is_ended) == (f"{1:016x}", True)
        until(lambda: not list((folder / "owed").iterdir()), "nothing to be owed")
    assert len(read_sets(out, f"{1:016x}")) == 1


def test_a_session_that_another_daemon_has_is_left_to_it(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_export, "ADOPT_EACH_NS", 10_000_000)
    monkeypatch.setattr(auto_export, "TARGET_GONE_NS", 0)
    with Serving(folder) as serving, Client(serving.address) as client:
        shipping(serving)
        client.set_auto_export(f"{1:016x}", AutoExport(str(out), 0.1))
        serving.exports._followed.clear()  # as if it were another's
        looked = threading.Event()
        forget = serving.exports._adopt

        def adopt(session_id: str) -> None:
            forget(session_id)
            looked.set()

        monkeypatch.setattr(serving.exports, "_adopt", adopt)
        assert looked.wait(60)
        assert not serving.book.get(f"{1:016x}").ended.is_set()
        assert serving.book.get(f"{1:016x}").info.end_reason is EndReason.NOT_ENDED


def test_what_is_owed_of_a_capture_that_is_gone_is_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_export, "ADOPT_EACH_NS", 0)
    (folder / "owed").mkdir()
    (folder / "owed" / SESSION_ID).touch()
    with Serving(folder):
        until(lambda: not list((folder / "owed").iterdir()), "it to be forgotten")
