"""A daemon as its users have it: ``memscoped serve`` in a process of its own, spoken to by the client."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from memscope_client import Client, DaemonError, Session
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


def environment(folder: Path, tree: Path = ROOT) -> dict[str, str]:
    """The environment for a command line whose sockets and captures lie in ``folder``, of the memscope in
    ``tree``."""
    run = folder / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMSCOPE_")}
    paths = os.pathsep.join(filter(None, (str(tree), kept.get("PYTHONPATH"))))
    return {
        **kept,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_RUNTIME_DIR": str(run),
        "MEMSCOPE_STATE_DIR": str(folder / "state"),
        "PYTHONPATH": paths,
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "memscope_daemon", *arguments]


def memscoped(
    folder: Path, *arguments: str, timeout_s: float = 120.0, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment(folder),
        cwd=cwd or folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


class Serving:
    """A daemon that runs, and a client of it. ``tree``: which memscope; ``extra``: for its environment."""

    def __init__(self, folder: Path, tree: Path = ROOT, extra: Mapping[str, str] | None = None) -> None:
        self.folder, self.tree = folder, tree
        self.address = f"unix:{folder}/d.sock"
        self.log = folder / "serve.log"
        # a tracer that fails says where
        told = {**environment(folder, tree), "MEMSCOPE_TRACER_DEBUG": "1", **(extra or {})}
        with self.log.open("ab") as log:  # what one said that died stays
            self.process = subprocess.Popen(
                command("serve", "--address", self.address), env=told, cwd=folder, stderr=log
            )
        self.client = Client(self.address)
        try:
            until(self._answers, "the daemon to answer")
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended:\n{self.log.read_text()}")
        try:
            self.client.version(timeout_s=2.0)
        except DaemonError:
            return False
        return True

    def detach(self, session: Session) -> Session:
        return self.client.detach(session.session_id)

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def serving(folder: Path, tree: Path = ROOT, extra: Mapping[str, str] | None = None) -> Iterator[Serving]:
    daemon = Serving(folder, tree, extra)
    try:
        yield daemon
    finally:
        daemon.stop()
