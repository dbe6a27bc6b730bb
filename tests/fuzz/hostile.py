"""Builds the C drivers that link the shim's own sources, under gcc's sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "memscope_daemon/shim/target"
HOSTILE_SHIPPER = ROOT / "tests/fuzz/hostile_shipper.c"
THREADS = ROOT / "tests/shim/threads_test.c"


def build(driver: Path, out: Path, sanitizers: str) -> Path:
    """The driver with all of the shim but the loader, which is code for a foreign thread."""
    sources = sorted(path for path in TARGET.rglob("*.c") if "loader" not in path.parts)
    flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fno-strict-aliasing"]
    checks = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", f"-I{TARGET}", f"-I{TARGET}/include"]
    command = ["gcc", *flags, *checks, *map(str, sources), str(driver), "-lpthread", "-o", str(out)]
    subprocess.run(command, check=True)
    return out


def run(program: Path, *words: str, timeout_s: float = 120) -> str:
    """What it printed; raises where it found something."""
    done = subprocess.run(
        [str(program), *words], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr[-4000:]}"
    return done.stdout
