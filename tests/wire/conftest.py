from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import ContractServer, ScriptedServer

PROTO = Path(__file__).parents[2] / "proto"


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stubs as any reader of proto/ would make them."""
    out = tmp_path_factory.mktemp("stubs")
    files = [str(path) for path in PROTO.glob("memscope/v1/*.proto")]
    assert files
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={out}",
         f"--grpc_python_out={out}", *files],
        check=True,
    )  # fmt: skip
    return out


@pytest.fixture(scope="session")
def grpc_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that holds grpcio, protobuf and what grpcio needs, and nothing else."""
    import google.protobuf
    import grpc
    import typing_extensions

    folder = tmp_path_factory.mktemp("packages")
    (folder / "grpc").symlink_to(Path(grpc.__file__).parent)
    (folder / "google").symlink_to(Path(google.protobuf.__file__).parents[1])
    (folder / "typing_extensions.py").symlink_to(typing_extensions.__file__)
    return folder


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"unix:{tmp_path}/ingest.sock"


@pytest.fixture
def contract(address: str, tmp_path: Path, stubs: Path, grpc_only: Path) -> Iterator[ContractServer]:
    server = ContractServer(address, tmp_path / "store", stubs, grpc_only)
    yield server
    server.kill()


@pytest.fixture
def scripted(address: str) -> Iterator[ScriptedServer]:
    server = ScriptedServer(address)
    yield server
    server.stop()
