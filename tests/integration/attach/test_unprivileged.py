"""A user without any capability attaches to a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.injecting import ROOT, build_stub

NOBODY = 65534
CODE = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.support.injecting import inject, leftovers
program = "print('ready', flush=True)\\nimport time\\nwhile 1: time.sleep(0.05)"
target = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
try:
    assert target.stdout.readline() == b"ready\\n"
    print(int(inject(target.pid, Path({shim!r})).outcome), leftovers(target.pid), target.poll())
finally:
    target.kill()
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def readable_by_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_nobody_attaches_to_a_process_of_their_own(public_folder: Path) -> None:
    python = Path(sys.executable).resolve()
    if not (readable_by_all(ROOT) and readable_by_all(python.parent)):
        python = Path("/usr/bin/python3")
    if not readable_by_all(ROOT) or not python.exists():
        pytest.skip("nobody can read this checkout or a Python")
    code = CODE.format(root=str(ROOT), shim=str(build_stub(public_folder)))
    done = subprocess.run(
        [str(python), "-c", code], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True
    )
    assert done.stdout == "0 [] None\n", done.stderr
