from __future__ import annotations

from pathlib import Path

import pytest

from memscope_daemon.attach.headroom import headroom_bytes

PID = 4242
UNLIMITED_V1 = 9223372036854771712
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


def group(folder: Path, names: tuple[str, str, str], limit: object, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 17\n{names[2]} {cached}\n")


def of(proc: Path, *lines: str) -> Path:
    (proc / str(PID)).mkdir(parents=True)
    (proc / str(PID) / "cgroup").write_text("".join(f"{line}\n" for line in lines))
    return proc


def test_the_tightest_group_of_version_2_counts_and_old_cached_files_are_room(tmp_path: Path) -> None:
    root, proc = tmp_path / "cgroup", of(tmp_path / "proc", "0::/a/b")
    group(root / "a", V2, 10_007, 9_001, 503)
    group(root / "a/b", V2, "max", 8_009, 0)
    assert headroom_bytes(PID, root, proc) == 10_007 - 9_001 + 503


def test_version_1_is_asked_under_the_folder_of_its_controller(tmp_path: Path) -> None:
    root, proc = tmp_path / "cgroup", of(tmp_path / "proc", "4:cpu:/x", "3:hugetlb,memory:/a/b", "0::/")
    group(root / "memory/a", V1, UNLIMITED_V1, 9_001, 0)
    group(root / "memory/a/b", V1, 10_007, 9_001, 101)
    assert headroom_bytes(PID, root, proc) == 10_007 - 9_001 + 101


@pytest.mark.parametrize("lines", [(), ("0::/gone",), ("4:cpu:/",)])
def test_where_no_limit_is_known_none_is_made_up(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert headroom_bytes(PID, tmp_path / "cgroup", of(tmp_path / "proc", *lines)) is None
