from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from memscope_client import Client
from memscope_daemon.app import Daemon
from memscope_daemon.config import KEEP_BYTES
from memscope_daemon.errors import ConfigurationError, SystemFailure
from memscope_daemon.server.book import SessionBook
from tests.support.waiting import until
from tests.unit.server.serving import Serving


def test_the_socket_is_for_its_owner_only_and_goes_with_the_daemon(folder: Path) -> None:
    path = folder / "s.sock"
    with Serving(folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_an_address_that_is_served_is_not_taken_away(folder: Path) -> None:
    with Serving(folder) as serving:
        with pytest.raises(SystemFailure, match="serves at") as refused:
            Daemon(serving.address, folder / "other").start()
        assert refused.value.code == "daemon.address-in-use"
        with Client(serving.address) as client:
            assert client.version().protocol_version == 1


def test_a_socket_that_was_left_behind_is_replaced(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "s.sock"))
    with Serving(folder) as serving, Client(serving.address) as client:
        assert client.version().protocol_version == 1


def test_a_file_in_the_way_is_left_alone(folder: Path) -> None:
    (folder / "s.sock").write_text("somebody's notes")
    with pytest.raises(SystemFailure, match="something else"):
        Daemon(f"unix:{folder}/s.sock", folder).start()
    assert (folder / "s.sock").read_text() == "somebody's notes"


def test_an_address_on_the_network_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="no Unix socket"):
        Daemon("localhost:0", folder).start()


def test_a_daemon_can_be_stopped_twice_and_started_again(folder: Path) -> None:
    daemon = Daemon(f"unix:{folder}/s.sock", folder, spare_shippers=1)
    for _ in range(2):
        daemon.start()
        with Client(daemon.address) as client:
            assert client.sessions(include_ended=True) == ()
        daemon.stop()
        daemon.stop()


def test_a_daemon_that_answers_a_question_is_not_idle(folder: Path) -> None:
    book = SessionBook(folder, KEEP_BYTES)
    before = book.unasked_ns
    until(lambda: book.unasked_ns > before, "time to pass")
    with book.in_use():
        with book.in_use():
            assert book.unasked_ns == 0
        assert book.unasked_ns == 0
    since = book.unasked_ns
    assert since > 0
    until(lambda: book.unasked_ns > since, "time to pass")
