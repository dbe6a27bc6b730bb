"""The parts of the shim that can be tested without a target: compiled C against models and headers."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from memscope_daemon.attach.debug_offsets import FIELDS, KNOWN
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


#: What the tracer holds an interpreter's own table against, by the names of the shim's layout.
IN_BOTH = {
    "tstate_frame": "thread_state.current_frame",
    "frame_code": "interpreter_frame.executable",
    "frame_previous": "interpreter_frame.previous",
    "frame_instruction": "interpreter_frame.instr_ptr",
    "frame_owner": "interpreter_frame.owner",
    "code_filename": "code_object.filename",
    "code_name": "code_object.qualname",
    "code_firstlineno": "code_object.firstlineno",
    "code_linetable": "code_object.linetable",
    "code_instructions": "code_object.co_code_adaptive",
    "ascii_data": "unicode_object.asciiobject_size",
}
PRINT_LAYOUT = """
#include "host/layout.c"
#include <stdio.h>
int main(void) {
    const struct ms_layout *l = ms_layout_of(%#x);
    %s
    puts("end");
}
"""


@pytest.mark.parametrize("version", sorted(FIELDS), ids=str)
def test_what_is_refused_from_outside_is_what_the_shim_takes_for_granted(
    version: tuple[int, int], tmp_path: Path
) -> None:
    source = tmp_path / "print.c"
    prints = " ".join(f'printf("{name} %d\\n", l->{name});' for name in IN_BOTH)
    source.write_text(PRINT_LAYOUT % (version[0] << 24 | version[1] << 16, prints))
    lines = compile_and_run([source], ["-w"], tmp_path / "print").splitlines()[:-1]
    assert {name: int(value) for name, value in map(str.split, lines)} == {
        ours: KNOWN[theirs] for ours, theirs in IN_BOTH.items()
    }
