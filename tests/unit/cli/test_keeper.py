"""What looks after the sessions of a daemon, where the daemon has no room for its calls."""

from __future__ import annotations

import queue
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from memscope_client import DaemonError
from memscope_daemon.cli import outcome, serve
from memscope_daemon.cli.serve import CROWDED, Keeper
from memscope_daemon.model.session import SessionStamp
from memscope_daemon.render.formats import DEFAULT_FORMATS
from tests.support.waiting import until


class Ended:
    """A session whose target has ended, and whose report nobody fetches."""

    session_id, is_ended, end_reason = "0" * 15 + "7", True, "target_exited"

    class target:  # noqa: N801 (a field of a session)
        program, pid = "python shop.py", 4242


class CrowdedClient:
    """As a daemon answers that has as many calls as it can: the calls of some numbers are refused."""

    def __init__(self, *refused: int) -> None:
        self.refused, self.asked = refused, 0

    def sessions(self, include_ended: bool = False) -> tuple[Any, ...]:
        self.refuse()
        return (Ended(),) if include_ended else ()

    def refuse(self) -> None:
        self.asked += 1
        if self.asked in self.refused:
            raise DaemonError(CROWDED, "it has as many calls to answer as it can", "try again")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "LOOK_S", 0.005)


def test_a_daemon_with_no_room_for_its_own_calls_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report that nobody fetches is written once there is room; that it had to wait is said once."""
    client, events = CrowdedClient(1, 3, 5), queue.SimpleQueue[Any]()

    def export_all(_: object, session_id: str, formats: tuple[str, ...]) -> dict[str, bytes]:
        assert formats == DEFAULT_FORMATS
        client.refuse()
        return {"report.json": session_id.encode()}

    monkeypatch.setattr(outcome, "export_all", export_all)
    keeper = Keeper(client, events, tmp_path, lambda: SessionStamp(left=frozenset({Ended.session_id})))  # type: ignore[arg-type]
    ended: list[object] = []
    running = threading.Thread(target=lambda: ended.append(keeper.run()))
    running.start()
    until(lambda: (tmp_path / "report.json").exists(), "the report")
    events.put(signal.SIGTERM)
    running.join(60)
    assert ended == [signal.SIGTERM]
    assert (tmp_path / "report.json").read_text() == Ended.session_id
    assert capsys.readouterr().err.count(CROWDED) == 1
    assert client.asked == 8, "three refused, and nothing asked for that was there already"


def test_a_daemon_that_is_told_to_end_does_so_without_room_for_calls(tmp_path: Path) -> None:
    client, events = CrowdedClient(1), queue.SimpleQueue[Any]()
    events.put(signal.SIGTERM)
    assert Keeper(client, events, tmp_path, SessionStamp).run() == signal.SIGTERM  # type: ignore[arg-type]
