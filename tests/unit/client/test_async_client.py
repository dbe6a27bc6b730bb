"""The client of asyncio over real gRPC, and that it has all that the other one has."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import memscope_client
from memscope_client import (
    _HOMES,
    AsyncClient,
    Client,
    DaemonError,
    Sampling,
    Session,
    calls,
    default_address,
)
from memscope_client.sessions import AttachFigures, Target
from memscope_daemon import config
from tests.unit.cli.fake_daemon import COLLAPSED, SESSION_ID, FakeDaemon, Serving

PID = 104729


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(PID)
    with Serving(fake, f"unix:{tmp_path}/d.sock"):
        yield fake


@pytest.fixture
def address(daemon: FakeDaemon, tmp_path: Path) -> str:
    return f"unix:{tmp_path}/d.sock"


def methods(kind: type) -> dict[str, list[str]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: [str(one) for one in inspect.signature(method).parameters.values()]
        for name, method in found
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    assert methods(AsyncClient) == methods(Client)
    assert len(methods(Client)) > 12


def test_every_name_that_is_promised_can_be_had() -> None:
    assert [name for name in memscope_client.__all__ if not hasattr(memscope_client, name)] == []
    assert {name for names in _HOMES.values() for name in names} <= set(memscope_client.__all__)


def test_an_attach_tells_its_progress_and_then_the_session(address: str) -> None:
    async def attach() -> tuple[list[str], Session]:
        async with AsyncClient(address) as client:
            attachment = client.attach(PID, Sampling.rate(0.25, seed=7))
            return [text async for text in attachment], await attachment.result()

    progress, session = asyncio.run(attach())
    assert progress == ["looking at the target"]
    assert (session.session_id, session.state) == (SESSION_ID, "active")


def test_an_attach_can_be_cancelled_by_another_task(address: str, daemon: FakeDaemon) -> None:
    daemon.hold_attach.clear()

    async def give_up() -> None:
        async with AsyncClient(address) as client:
            attachment = client.attach(PID, Sampling.rate(1))
            async for _ in attachment:
                attachment.cancel()

    with pytest.raises(DaemonError) as caught:
        asyncio.run(give_up())
    assert caught.value.code == "client.cancelled"


def test_a_task_that_is_cancelled_is_cancelled(address: str, daemon: FakeDaemon) -> None:
    daemon.hold_attach.clear()

    async def cancelled() -> bool:
        async with AsyncClient(address) as client:
            attachment = client.attach(PID, Sampling.rate(1))
            task = asyncio.create_task(attachment.result())
            while not daemon.attaching.is_set():
                await asyncio.sleep(0.002)
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            return isinstance(outcome, asyncio.CancelledError)

    assert asyncio.run(cancelled())


def test_an_export_is_put_together_from_its_pieces(address: str) -> None:
    async def export() -> tuple[str, bytes]:
        async with AsyncClient(address) as client:
            return await client.export(SESSION_ID, "collapsed")

    assert asyncio.run(export()) == ("x.collapsed", COLLAPSED)


def test_a_failure_is_the_same_error(tmp_path: Path) -> None:
    async def ask() -> None:
        async with AsyncClient(f"unix:{tmp_path}/nobody.sock") as client:
            await client.version(timeout_s=5)

    with pytest.raises(DaemonError) as caught:
        asyncio.run(ask())
    assert caught.value.is_unavailable


def session(number: int, pid: int, state: str) -> Session:
    target, nothing = Target(pid, 0, "", "", ""), AttachFigures("", (), 0, 0)
    return Session(f"{number:016x}", target, state, "", "", 0, 0, Sampling.rate(1), nothing, nothing, "")


def test_a_session_is_chosen_by_its_id_or_by_a_pid_the_one_that_runs_first() -> None:
    some = (
        session(1, 31, "ended"),
        session(2, 31, "active"),
        session(3, 31, "ended"),
        session(4, 37, "ended"),
        session(5, 37, "ended"),
    )
    chosen = {selector: calls.chosen(some, selector).session_id for selector in (31, "37", f"{1:016x}")}
    assert chosen == {31: f"{2:016x}", "37": f"{5:016x}", f"{1:016x}": f"{1:016x}"}
    with pytest.raises(DaemonError) as missing:
        calls.chosen(some, 41)
    assert missing.value.code == "session.not-found"


@pytest.mark.parametrize("given", [{}, {"XDG_RUNTIME_DIR": "run"}, {"MEMSCOPE_DAEMON": "unix:/x"}])
def test_client_and_command_line_look_for_the_daemon_at_the_same_place(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("XDG_RUNTIME_DIR", "MEMSCOPE_DAEMON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, value in given.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value == "run" else value)
    assert default_address() == config.default_address()
