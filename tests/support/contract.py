"""The server of the contract as a process, where grpcio and protobuf are installed and nothing else."""

from __future__ import annotations

import struct
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import numpy as np

from memscope_daemon._pb import ingest_service_pb2 as pb
from tests.support.daemon import ROOT

SERVER = ROOT / "tests" / "wire" / "contract_server.py"
PROTO = ROOT / "proto"


def make_environment(folder: Path) -> Path:
    """A virtual environment with grpcio and protobuf alone; its interpreter. The packages are installed as
    anybody installs them, so the machine must reach its package index."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    wanted = [f"{name}=={version(name)}" for name in ("grpcio", "protobuf")]
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"grpcio and protobuf could not be installed: {done.stderr}"
    return python


class ContractServer:
    """Serves Ingest at ``address`` until it is stopped; what it was sent is then read from its file."""

    def __init__(self, python: Path, folder: Path) -> None:
        """``python``: of :func:`make_environment`."""
        self.address = f"unix:{folder}/contract.sock"
        self._store = folder / "store"
        self._process = subprocess.Popen(
            [python, "-I", SERVER, _stubs(folder / "stubs"), self.address, self._store],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "serving\n"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def requests(self) -> list[pb.IngestStreamRequest]:
        """Everything it has stored, in order."""
        data, at, found = self._store.read_bytes(), 0, []
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            found.append(pb.IngestStreamRequest.FromString(data[at + 4 : at + 4 + length]))
            at += 4 + length
        return found


def _stubs(folder: Path) -> Path:
    """Made of proto/, as any reader of it would."""
    folder.mkdir()
    files = [str(path) for path in PROTO.glob("memscope/v1/*.proto")]
    assert files
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={folder}"]
    subprocess.run([*command, f"--grpc_python_out={folder}", *files], check=True)
    return folder


def column(batch: pb.Batch, name: str, kind: str) -> np.ndarray:
    """A column of events; an absent one is zeros."""
    data = getattr(batch.events, name)
    values = np.frombuffer(data, kind) if data else np.zeros(batch.events.count, kind)
    assert len(values) == batch.events.count
    return values
