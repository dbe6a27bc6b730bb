"""The server of the contract as a process, in an environment that has grpcio and protobuf and nothing else.

The environment is an isolated interpreter (``-I -S``: no site-packages, no environment variables) whose only
folder of packages holds links to grpcio, protobuf and the one module that grpcio needs.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import google.protobuf
import grpc
import numpy as np
import typing_extensions

from memscope_daemon._pb import ingest_service_pb2 as pb
from tests.support.daemon import ROOT

SERVER = ROOT / "tests" / "wire" / "contract_server.py"
PROTO = ROOT / "proto"
BOOTSTRAP = (
    "import runpy, sys; sys.path.append({packages!r}); sys.argv = sys.argv[1:];"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class ContractServer:
    """Serves Ingest at ``address`` until it is stopped; what it was sent is then read from its file."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder}/contract.sock"
        self._store = folder / "store"
        bootstrap = BOOTSTRAP.format(packages=str(_packages(folder / "packages")))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", bootstrap, str(SERVER), str(_stubs(folder / "stubs")),
             self.address, str(self._store)],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
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


def _packages(folder: Path) -> Path:
    folder.mkdir()
    (folder / "grpc").symlink_to(Path(grpc.__file__).parent)
    (folder / "google").symlink_to(Path(google.protobuf.__file__).parents[1])
    (folder / "typing_extensions.py").symlink_to(typing_extensions.__file__)
    return folder


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
