"""The check of the names of C functions finds what it is there to find."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BROKEN = {
    "a system call three calls deep": (
        "pure/ring.c",
        "int getpid(void);\nstatic int deep(void)\n{\n    return getpid();\n}\n"
        "int ms_new_nosys(void)\n{\n    return deep();\n}\n",
        "ms_new_nosys reaches getpid",
    ),
    "the interpreter, through our table": (
        "host/stack.c",
        "const void *ms_new_nopy(void)\n{\n    return ms_python.current_thread_state();\n}\n",
        "ms_new_nopy reaches ms_python.current_thread_state",
    ),
    "libc from the pure part": (
        "pure/sampler.c",
        "double ms_new(double x)\n{\n    return log(x);\n}\n",
        "ms_new reaches log",
    ),
}


def check(target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts/check_names", target], capture_output=True, text=True
    )


def test_the_tree_keeps_its_promises() -> None:
    done = check(ROOT / "memscope_daemon/shim/target")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_found(what: str, tmp_path: Path) -> None:
    path, code, message = BROKEN[what]
    shutil.copytree(ROOT / "memscope_daemon/shim/target", tmp_path / "target")
    with (tmp_path / "target" / path).open("a") as file:
        file.write(code)
    done = check(tmp_path / "target")
    assert done.returncode == 1
    assert message in done.stdout
