"""The parts of the shim that can be tested without a target: compiled C against models and headers."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support.interpreters import Interpreter, every_interpreter

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "memscope_daemon/shim/target"
INCLUDES = [f"-I{TARGET}", f"-I{TARGET}/include"]


def compile_and_run(sources: list[Path], flags: list[str], out: Path) -> str:
    subprocess.run(
        ["gcc", "-std=gnu11", *flags, *INCLUDES, *map(str, sources), "-lm", "-o", str(out)], check=True
    )
    done = subprocess.run([str(out)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pure_part_agrees_with_its_models_under_sanitizers(tmp_path: Path) -> None:
    sources = [ROOT / "tests/shim/pure_test.c", *sorted((TARGET / "pure").glob("*.c"))]
    flags = ["-O1", "-g", "-Wall", "-Wextra", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    assert compile_and_run(sources, flags, tmp_path / "pure").endswith("ok\n")


def headers_of(interpreter: Interpreter) -> Path | None:
    name = f"python{interpreter.version[0]}.{interpreter.version[1]}"
    for root in (interpreter.path.resolve().parents[1], Path(sysconfig.get_path("data")), Path("/usr")):
        folder = root / "include" / name
        if (folder / "internal/pycore_frame.h").exists() or (folder / "internal/pycore_code.h").exists():
            return folder
    return None


@pytest.mark.parametrize("interpreter", every_interpreter(), ids=lambda found: found.name)
def test_the_offsets_are_those_of_the_interpreters_own_headers(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    headers = headers_of(interpreter)
    if headers is None:
        pytest.skip(f"no headers of {interpreter.name} on this machine")
    flags = ["-w", f"-I{headers}", f"-I{headers.parent}"]
    assert compile_and_run([ROOT / "tests/shim/layout_test.c"], flags, tmp_path / "layout") == "ok\n"
