"""A user without any capability attaches to a process of their own."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_daemon.attach import mapped_file, procfs
from tests.support.injecting import ROOT, build_stub, inject
from tests.support.unprivileged import NOBODY, python_for_all

CODE = """
import os, subprocess, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.support.injecting import inject, leftovers
from memscope_daemon.errors import AttachRefused
program = "print('ready', flush=True)\\nimport time\\nwhile 1: time.sleep(0.05)"
target = subprocess.Popen([{python!r}, "-c", program], stdout=subprocess.PIPE)
try:
    assert target.stdout.readline() == b"ready\\n"
    if {instead!r}:
        os.replace({instead!r}, {python!r})
    print(int(inject(target.pid, Path({shim!r})).outcome), leftovers(target.pid), target.poll())
except AttachRefused as refused:
    print(refused.code)
finally:
    target.kill()
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(tracer: Path, shim: Path, python: Path, instead: str = "") -> str:
    code = CODE.format(root=str(ROOT), shim=str(shim), python=str(python), instead=instead)
    done = subprocess.run(
        [str(tracer), "-c", code], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True
    )
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def copied_python(public_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter in one file, that may be replaced."""
    system = Path("/usr/bin/python3").resolve()
    if not system.exists() or b"libpython" in subprocess.check_output(["ldd", system]):
        pytest.skip("no interpreter in one file here")
    monkeypatch.setenv("PYTHONHOME", "/usr")
    copied = public_folder / "bin" / system.name
    copied.parent.mkdir()
    shutil.copy(system, copied)
    os.chown(copied.parent, NOBODY, NOBODY)
    return copied


def upgraded(python: Path) -> Path:
    """Another build, as far as its first pages tell."""
    made = python.with_name("upgraded")
    data = bytearray(python.read_bytes())
    data[0x800:0x1000] = bytes(0x800)
    made.write_bytes(data)
    made.chmod(0o755)
    return made


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_nobody_attaches_to_a_process_of_their_own(public_folder: Path) -> None:
    python = python_for_all()
    assert as_nobody(python, build_stub(public_folder), python) == "0 [] None\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_nobody_is_refused_when_the_interpreters_file_was_upgraded(
    public_folder: Path, copied_python: Path
) -> None:
    instead = str(upgraded(copied_python))
    shim = build_stub(public_folder)
    assert as_nobody(python_for_all(), shim, copied_python, instead) == "attach.file-replaced\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_nobody_attaches_when_the_same_file_was_installed_again(
    public_folder: Path, copied_python: Path
) -> None:
    same = shutil.copy(copied_python, copied_python.with_name("same"))
    assert as_nobody(python_for_all(), build_stub(public_folder), copied_python, str(same)) == "0 [] None\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root opens what is mapped")
@pytest.mark.parametrize("fate", ["upgraded", "removed"])
def test_root_attaches_by_the_mapped_file_whatever_stands_under_its_name(
    public_folder: Path, copied_python: Path, fate: str
) -> None:
    program = "print('ready', flush=True)\nimport time\nwhile 1: time.sleep(0.05)"
    shim = build_stub(public_folder)
    with subprocess.Popen([copied_python, "-c", program], stdout=subprocess.PIPE) as target:
        assert target.stdout and target.stdout.readline() == b"ready\n"
        if fate == "upgraded":
            upgraded(copied_python).replace(copied_python)
        else:
            copied_python.unlink()
        assert inject(target.pid, shim).outcome == 0
        assert target.poll() is None
        target.kill()


def test_a_file_of_that_name_with_other_bytes_is_not_the_mapped_one(tmp_path: Path) -> None:
    library = tmp_path / "library.bin"
    library.write_bytes(os.urandom(4096) * 3)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        (mapping,) = (m for m in procfs.mappings(os.getpid()) if m.path == str(library))
        assert mapped_file.is_mapped(os.getpid(), mapping, str(library))
        other = tmp_path / "other.bin"
        other.write_bytes(library.read_bytes()[:-1] + b"\0")
        assert not mapped_file.is_mapped(os.getpid(), mapping, str(other))
        other.write_bytes(b"")
        assert not mapped_file.is_mapped(os.getpid(), mapping, str(other))
