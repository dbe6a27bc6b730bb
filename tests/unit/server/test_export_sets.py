"""Sets of exports on disk: whole or not at all, in order, and none that is not ours is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memscope_daemon.errors import ExportError
from memscope_daemon.model.sampling import PRESETS
from memscope_daemon.model.session import SessionInfo, SessionState, Target
from memscope_daemon.server import export_sets
from memscope_daemon.server.export_sets import folder_name, publish, sets_in

CONTENTS = {"report.json": b"{}\n", "stacks.collapsed": b""}
NOON_NS = 1_767_182_645_000_000_000  # 2025-12-31T12:04:05Z


def named(program: str) -> str:
    target = Target(4242, program=program)
    return folder_name(SessionInfo("00000000000000c7", target, SessionState.ACTIVE, PRESETS["full"]))


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("python /srv/shop.py", "shop.py"),
        ("python /srv/my app;rm.py", "app-rm.py"),
        ("", "python"),
        ("..", "python"),
        ("x" * 300, "x" * 100),
    ],
)
def test_the_folder_is_named_after_program_pid_and_session(program: str, name: str) -> None:
    assert named(program) == f"{name}-4242-00000000000000c7"


def test_sets_are_numbered_and_the_time_is_in_the_name(tmp_path: Path) -> None:
    first = publish(tmp_path / "s", CONTENTS, 0, NOON_NS)
    assert first.name == "000001-20251231T120405Z"
    assert {path.name: path.read_bytes() for path in first.iterdir()} == CONTENTS
    assert str((tmp_path / "s" / "latest").readlink()) == first.name


def test_a_clock_that_was_set_back_changes_no_order(tmp_path: Path) -> None:
    times = [NOON_NS, NOON_NS - 3600 * 10**9, NOON_NS - 86400 * 10**9]
    names = [publish(tmp_path, CONTENTS, 2, time_ns).name for time_ns in times]
    assert sets_in(tmp_path) == names[1:]
    assert str((tmp_path / "latest").readlink()) == names[-1]


def test_only_sets_are_ever_removed(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "000001-mine").mkdir()
    for _ in range(3):
        publish(tmp_path, CONTENTS, 1, NOON_NS)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000001-mine",
        "000003-20251231T120405Z",
        "latest",
        "notes",
    ]


@pytest.mark.parametrize("fails_at", range(14))
def test_a_disk_that_is_full_at_any_moment_leaves_the_sets_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    publish(tmp_path, CONTENTS, 1, NOON_NS)
    before = {path.name for path in tmp_path.iterdir()}
    calls = iter(range(100))

    def refuse(name: str) -> None:
        if next(calls) == fails_at:
            raise OSError(28, "No space left on device", name)

    for module, name in ((os, "fsync"), (os, "open"), (Path, "mkdir"), (Path, "rename")):
        plain = getattr(module, name)
        monkeypatch.setattr(module, name, _after(refuse, plain, name))
    try:
        publish(tmp_path, CONTENTS, 1, NOON_NS)
    except ExportError as error:
        assert (error.code, "No space left" in error.message) == ("export.not-written", True)
        monkeypatch.undo()
        assert {path.name for path in tmp_path.iterdir()} == before
    else:
        monkeypatch.undo()
        assert sets_in(tmp_path)[-1] == "000002-20251231T120405Z", "the failure was of no account"
    publish(tmp_path, CONTENTS, 1, NOON_NS)
    assert len(sets_in(tmp_path)) == 1


def _after(refuse, plain, name):
    def call(*arguments: object, **named: object) -> object:
        refuse(name)
        return plain(*arguments, **named)

    return call


def test_a_file_system_without_links_has_sets_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, CONTENTS, 0, NOON_NS)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    publish(tmp_path, CONTENTS, 0, NOON_NS)
    assert len(sets_in(tmp_path)) == 2
    assert not os.path.lexists(tmp_path / "latest"), "it would name the set before"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    os.chown(tmp_path / "s", 65534, 65534)
    with pytest.raises(ExportError, match="belongs to somebody else"):
        publish(tmp_path / "s", CONTENTS, 0, NOON_NS)
    assert list((tmp_path / "s").iterdir()) == []


def test_what_is_half_written_goes_with_the_next_set(tmp_path: Path) -> None:
    half = tmp_path / ".000007-20251231T120405Z.part"
    half.mkdir()
    (half / "report.json").write_bytes(b"{")
    (tmp_path / ".latest.part").symlink_to("nowhere")
    publish(tmp_path, CONTENTS, 0, NOON_NS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001-20251231T120405Z", "latest"]
    assert export_sets.LATEST == "latest"
