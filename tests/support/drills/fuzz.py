"""Readers of foreign bytes, fed for as long as you like. Those in Python are guided by coverage; the shim
gets a shipper that writes anything anywhere."""

from __future__ import annotations

import argparse
import importlib.util
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import hostile
from tests.fuzz.entries import ENTRIES
from tests.fuzz.seeds import write

CORPUS = hostile.ROOT / "tests/fuzz/corpus"
KEPT_BYTES_MAX = 2048  # of an input that stays in the tree
SHIM = ("shim-steps", "shim-race")
GRACE_S = 120


def fuzz(name: str, seconds: int, seed: int, folder: Path) -> bool:
    """One reader; prints what was done. Whether nothing was found."""
    if name in SHIM:
        return _fuzz_shim(name.removeprefix("shim-"), seconds, seed, folder)
    inputs, found = folder / "inputs", folder / "found" / name
    write(inputs)
    found.mkdir(parents=True)
    for path in (CORPUS / name).glob("*"):
        shutil.copy(path, inputs / name)
    words = (name, str(inputs / name), str(found), str(seconds), str(seed))
    command = [sys.executable, "-m", "tests.fuzz", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    figures = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
    print(
        f"{name}: {figures.get('number_of_executed_units', 0)} executions,"
        f" {figures.get('new_units_added', 0)} inputs on new paths, {seconds} s, seed {seed}",
        flush=True,
    )
    return _keep(name, done, found)


def _keep(name: str, done: subprocess.CompletedProcess[str], found: Path) -> bool:
    """What failed goes to the corpus, so that it is tried for ever."""
    for path in found.iterdir():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, CORPUS / name)
        print(f"{name} FAILED, kept as {path.name}\n{done.stderr[-3000:]}", flush=True)
    return done.returncode == 0


def _fuzz_shim(how: str, seconds: int, seed: int, folder: Path) -> bool:
    program = hostile.build(hostile.HOSTILE_SHIPPER, folder / f"hostile-{how}", "address,undefined")
    try:
        said = hostile.run(program, str(seed), str(seconds), how, timeout_s=seconds + GRACE_S)
    except AssertionError as error:
        print(f"shim-{how} FAILED, seed {seed}: {error}", flush=True)
        return False
    print(f"shim-{said.strip()}, {seconds} s, seed {seed}", flush=True)
    return True


def main(arguments: list[str]) -> int:
    """Readers of foreign bytes are fed with hostile ones"""
    parser = argparse.ArgumentParser(prog="scripts/soak fuzz", description=main.__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each reader (600)")
    parser.add_argument("--only", choices=[*ENTRIES, *SHIM], help="one reader")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31) | 1, help="a random one, printed")
    args = parser.parse_args(arguments)
    names = [args.only] if args.only else [*ENTRIES, *SHIM]
    if importlib.util.find_spec("atheris") is None and not set(names) <= set(SHIM):
        print("the readers in Python need atheris: .venv/bin/python -m pip install -e '.[fuzz]'")
        return 2
    with tempfile.TemporaryDirectory(prefix="memscope-fuzz-") as folder:
        failed = [name for name in names if not fuzz(name, args.seconds, args.seed, Path(folder))]
    print(f"fuzz: {len(names)} readers, failed: {failed or 'none'}", flush=True)
    return int(bool(failed))
