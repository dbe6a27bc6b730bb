"""Marks: what is one, where they are told, and that they stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memscope_client import Client, DaemonError, Mark
from memscope_daemon.server import course
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving


@pytest.fixture
def wire(serving: Serving) -> MiniShipper:
    found = MiniShipper(serving.address, hello())
    found.send(batch(5_000, events(size_bytes=[31]), dictionary=dictionary(1)))
    found.await_ack(5_000)
    return found


def test_marks_are_in_the_report_in_order_with_their_time(client: Client, wire: MiniShipper) -> None:
    marks = tuple(client.mark(SESSION_ID, label) for label in ("deploy 1", "größer  ", "deploy 3"))
    assert [mark.label for mark in marks] == ["deploy 1", "größer", "deploy 3"]
    assert 5_000_000_000 <= marks[0].time_ns <= marks[1].time_ns <= marks[2].time_ns
    assert client.report(SESSION_ID).marks == marks
    document = json.loads(client.export(SESSION_ID, "json")[1])
    assert [Mark(**mark) for mark in document["marks"]] == list(marks)


@pytest.mark.parametrize("label", ["", "  ", "x" * 201, "two\nlines", "\x1b[2J"])
def test_what_is_no_line_of_text_is_refused(client: Client, wire: MiniShipper, label: str) -> None:
    with pytest.raises(DaemonError) as refused:
        client.mark(SESSION_ID, label)
    assert (refused.value.code, refused.value.exit_code) == ("mark.bad-label", 2)
    assert client.report(SESSION_ID).marks == ()


def test_two_hundred_characters_are_a_label(client: Client, wire: MiniShipper) -> None:
    assert client.mark(SESSION_ID, "ü" * 200).label == "ü" * 200


def test_too_many_marks_are_refused(
    client: Client, wire: MiniShipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "MARKS_MAX", 2)
    client.mark(SESSION_ID, "one")
    client.mark(SESSION_ID, "two")
    with pytest.raises(DaemonError) as refused:
        client.mark(SESSION_ID, "three")
    assert refused.value.code == "mark.too-many"
    assert len(client.report(SESSION_ID).marks) == 2


def test_a_session_that_is_over_takes_no_marks_and_keeps_those_it_has(
    client: Client, wire: MiniShipper
) -> None:
    mark = client.mark(SESSION_ID, "the end")
    wire.goodbye()
    with pytest.raises(DaemonError) as refused:
        client.mark(SESSION_ID, "too late")
    assert refused.value.code == "session.has-ended"
    assert client.report(SESSION_ID).marks == (mark,)


def test_marks_come_back_with_another_daemon_and_go_on(folder: Path) -> None:
    with Serving(folder) as serving, Client(serving.address) as client:
        wire = MiniShipper(serving.address, hello())
        wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
        before = tuple(client.mark(SESSION_ID, f"mark {number}") for number in range(11))
        serving.crash()
        wire.close()
    with Serving(folder) as serving, Client(serving.address) as client:
        wire = MiniShipper(serving.address, hello())
        assert client.report(SESSION_ID).marks == before
        another = client.mark(SESSION_ID, "of the second daemon")
        assert client.report(SESSION_ID).marks == (*before, another)
        assert another.time_ns >= before[-1].time_ns
        wire.close()
