from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import memscope_daemon.cli
from memscope_daemon.cli.main import COMMANDS


def outcome_of(program: str) -> str:
    """What it prints, in an interpreter that has loaded nothing."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_commands_are_the_modules_that_register_one() -> None:
    (folder,) = memscope_daemon.cli.__path__
    found = {path.stem for path in Path(folder).glob("*.py") if "\ndef register(" in path.read_text()}
    assert found == set(COMMANDS)


def test_grpc_comes_without_asyncio_half_and_that_can_be_had_later() -> None:
    program = """
from memscope_client.channel import load_without_asyncio
load_without_asyncio()
import sys, grpc
assert "grpc.aio" not in sys.modules and not hasattr(grpc, "aio")
grpc.insecure_channel("unix:/nowhere").close()
import asyncio, grpc.aio
from memscope_client import AsyncClient, DaemonError
async def ask():
    async with AsyncClient("unix:/nowhere") as client:
        try:
            await client.version(timeout_s=5.0)
        except DaemonError as error:
            print(error.code)
asyncio.run(ask())
"""
    assert outcome_of(program) == "client.unavailable"


def test_garbage_is_looked_for_once_a_daemon_was_sought() -> None:
    program = """
import gc, sys
from memscope_daemon import __main__ as program
said = []
from memscope_daemon.cli import status
status.run = lambda args: said.append(gc.isenabled()) or 0
sys.argv = ["memscoped", "status"]
assert program._run() == 0
from memscope_daemon.cli.endpoint import reach
for address in ("unix:/nowhere", "127.0.0.1:1"):
    gc.disable()
    assert reach(address) is None
    said.append(gc.isenabled())
print(said)
"""
    assert outcome_of(program) == "[False, True, True]"
