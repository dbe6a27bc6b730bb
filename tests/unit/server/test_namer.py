from __future__ import annotations

import dataclasses
import os
import socket
import time
from pathlib import Path

import pytest

from memscope_daemon.attach import procfs
from memscope_daemon.model.dictionary import FrameNames, Position
from memscope_daemon.model.report import Report, Site
from memscope_daemon.model.session import Target
from memscope_daemon.model.variables import Confidence, SitePath, Variable, VariableKind
from memscope_daemon.query import report as ask
from memscope_daemon.server import namer as namer_module
from memscope_daemon.server.namer import Namer
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import events

SOURCE = "def fill():\n    cache = bytes(9)\n    return bytes(7)\n\n\ndef use():\n    kept = fill()\n"


def us(**changes: object) -> Target:
    """This process, as a target."""
    target = Target(os.getpid(), procfs.start_time_ticks(os.getpid()), "us", "3.11.0", socket.gethostname())
    return dataclasses.replace(target, **changes)  # type: ignore[arg-type]


def report_of(file: Path, *paths: tuple[float, int]) -> Report:
    """A report with one site, to which there are ways: their share, and the line of ``fill``."""
    made = ask.report(evidence(events(size_bytes=[31], stack_id=[1])))
    frames = {
        2: ((FrameNames("fill", str(file), 2), Position(2, 2, 13, 21)),),
        3: (
            (FrameNames("fill", str(file), 3), Position(3, 3, 12, 20)),
            (FrameNames("use", str(file), 7), Position(7, 7, 12, 18)),
        ),
    }
    found = tuple(SitePath(share, frames[line]) for share, line in paths)
    return dataclasses.replace(made, paths=(found,))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(SOURCE)
    os.utime(path, (17.0, 17.0))
    return path


def first(report: Report) -> Site:
    assert report.paths == (), "no part of any document"
    return report.sites[0]


def test_the_heaviest_variable_is_told_with_its_share(file: Path) -> None:
    site = first(Namer(us()).name(report_of(file, (0.5, 3), (0.3, 2), (0.1, 3))))
    assert site.variable == Variable("kept", VariableKind.NAME, Confidence.HIGH, "use", str(file), 7)
    assert site.variable_share == pytest.approx(0.6)


def test_a_file_that_was_changed_since_the_program_began_is_not_relied_upon(file: Path) -> None:
    os.utime(file, (17.0, time.time() + 60.0))
    site = first(Namer(us()).name(report_of(file, (1.0, 2))))
    assert site.variable is not None
    assert (site.variable.name, site.variable.confidence) == ("cache", Confidence.LOW)


def test_what_was_told_once_is_told_again_without_the_file(file: Path) -> None:
    namer, asked = Namer(us()), report_of(file, (1.0, 2))
    before = first(namer.name(asked)).variable
    file.unlink()
    assert first(namer.name(asked)).variable == before is not None


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"start_time_ticks": 1}, {"pid": 2**22 + 1}])
def test_files_of_others_are_not_looked_at(file: Path, changes: dict[str, object]) -> None:
    assert first(Namer(us(**changes)).name(report_of(file, (1.0, 2)))).variable is None


def test_what_was_too_much_for_one_report_is_told_in_the_next(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namer, asked = Namer(us()), report_of(file, (1.0, 2))
    monkeypatch.setattr(namer_module, "PARSED_BYTES_MAX", 0)
    assert first(namer.name(asked)).variable is None
    monkeypatch.undo()
    assert first(namer.name(asked)).variable is not None


def test_a_source_that_cannot_be_read_names_nothing(file: Path) -> None:
    file.write_text("def (")
    assert first(Namer(us()).name(report_of(file, (1.0, 2)))).variable is None
