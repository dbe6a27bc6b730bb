"""The contract is real: a server written from proto/ alone is sent every event of a session."""

from __future__ import annotations

import collections
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon._pb import session_pb2
from tests.support.contract import ContractServer, column, make_environment
from tests.support.daemon import command, environment
from tests.support.interpreters import supported_interpreters
from tests.support.targets import Target
from tests.support.truth import FILE, known_sites

ALLOCATE, FREE = 1, 2
SCALE = 0.2
Sums = dict[tuple[str, int], tuple[int, int, int, int]]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which memscope is not installed."""
    return make_environment(tmp_path_factory.mktemp("elsewhere") / "venv")


@pytest.fixture
def server(elsewhere: Path, tmp_path: Path) -> Iterator[ContractServer]:
    running = ContractServer(elsewhere, tmp_path)
    yield running
    running.stop()


def test_a_server_written_from_the_contract_gets_every_event(server: ContractServer, tmp_path: Path) -> None:
    with Target(supported_interpreters()[-1], "truth") as target:
        known = known_sites(target, SCALE)
        target.ask("prepare", SCALE)
        error = attach_while(target, server, tmp_path)
        target.end()
    hello, *batches, goodbye = server.requests()
    assert hello.hello.target.pid == target.pid
    assert goodbye.goodbye.reason == session_pb2.END_REASON_DETACHED, error
    assert_numbered([one.batch for one in batches])
    sites = sums_by_site([one.batch for one in batches])
    for site in known:
        expected = (site.count, site.bytes, site.count - site.live_count, site.bytes - site.live_bytes)
        assert sites[(site.function, site.line)] == expected, site


def attach_while(target: Target, server: ContractServer, folder: Path) -> str:
    """Attaches by command line, has the target do its work, and ends the command as its user would."""
    arguments = ("attach", str(target.pid), "--rate", "1.0", "--depth", "20", "--daemon", server.address)
    with subprocess.Popen(
        command(*arguments), env=environment(folder), cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            until_tracking(process.stderr)
            target.ask("work", deadline_s=120.0)
            process.send_signal(signal.SIGINT)
            error = process.stderr.read()
            assert process.wait(120) == 128 + signal.SIGINT, error
        except BaseException:
            process.kill()
            raise
    return error


def until_tracking(stream: IO[str]) -> None:
    said = []
    while "tracking" not in (line := stream.readline()):
        said.append(line)
        assert line, "".join(said)


def assert_numbered(batches: list[pb.Batch]) -> None:
    assert [batch.batch_number for batch in batches] == list(range(1, 1 + len(batches)))
    assert not any(batch.losses for batch in batches), batches[-1].losses
    assert batches[-1].produced_count == batches[-1].shipped_count == sum(one.events.count for one in batches)


def sums_by_site(batches: list[pb.Batch]) -> Sums:
    """Blocks and bytes allocated, then freed, by function and line of the innermost frame in the program."""
    strings, frames, stacks = {}, {}, {}
    found: dict[tuple[str, int], np.ndarray] = collections.defaultdict(lambda: np.zeros(4, np.int64))
    for batch in batches:
        strings.update({row.string_id: row.text for row in batch.dictionary.strings})
        frames.update({row.frame_id: row for row in batch.dictionary.frames})
        stacks.update({row.stack_id: row.frame_ids[0] for row in batch.dictionary.stacks if row.frame_ids})
        kinds, sizes = column(batch, "kind", "u1"), column(batch, "size_bytes", "<u8")
        assert (column(batch, "weight", "<f8") == 1.0).all()
        for stack, kind, size in zip(column(batch, "stack_id", "<u4"), kinds, sizes, strict=True):
            frame = frames.get(stacks.get(int(stack), 0))
            if frame is not None and strings[frame.file_string_id] == FILE:
                at = 2 if kind == FREE else 0
                found[strings[frame.function_string_id], frame.line][at : at + 2] += (1, int(size))
    return {key: tuple(map(int, row)) for key, row in found.items()}  # type: ignore[misc]
