"""What the live view does beside showing figures."""

from __future__ import annotations

import logging
import queue

import pytest

from memscope_daemon.cli.live.show import Answered, LogLines


def test_what_a_daemon_inside_logs_is_a_remark_and_is_said_again_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    events: queue.SimpleQueue[Answered] = queue.SimpleQueue()
    with LogLines(events):
        logging.getLogger("memscope.sessions").warning("session %s: the disk is\x1b[2J full", "0123")
        assert events.get_nowait().remark == "session 0123: the disk is\N{REPLACEMENT CHARACTER}[2J full"
        assert capsys.readouterr().err == ""
    assert "session 0123: the disk is" in capsys.readouterr().err
    logging.getLogger("memscope.sessions").warning("nobody looks any more")
    assert events.empty()
