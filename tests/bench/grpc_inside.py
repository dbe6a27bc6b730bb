"""What a gRPC shipper inside the target would cost: the alternative that docs/decisions/0001 turned down.

    .venv/bin/python tests/bench/grpc_inside.py

A small program counts events in shared memory while a thread of its own ships them with grpcio, as a shim
that speaks gRPC from inside would. Measured from outside: threads, descriptors, memory and the longest gap
of a 1 ms heartbeat while grpcio is set up; what happens to children of fork; events lost at kill -9.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

KILLS = 15
FORKS = 20
BATCH_S = 0.05
SERVICE = "memscope.bench.Ingest"


# --- inside -------------------------------------------------------------------------------------------


def target(address: str, path: str) -> None:
    """Obeys one-word commands on standard input, answers each with a line."""
    with Path(path).open("r+b") as file:
        counter = mmap.mmap(file.fileno(), 4096)
    gaps = Heartbeat()
    threading.Thread(target=gaps.run, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "grpc":
            gaps.longest_ms = 0.0
            start = time.perf_counter()
            start_shipping(address, counter)
            print(f"{(time.perf_counter() - start) * 1000:.1f} {gaps.longest_ms:.1f}", flush=True)
        elif line.strip() == "fork":
            print(fork_once(lambda: sorted(str(n) for n in range(10_007))), flush=True)
        elif line.strip() == "fork-and-ship":
            print(fork_once(lambda: ship_once(address)), flush=True)
        elif line.strip() == "count":
            threading.Thread(target=produce, args=(counter,), daemon=True).start()
            print("counting", flush=True)


class Heartbeat:
    """A thread that wants to run each millisecond, and notes when it could not."""

    longest_ms = 0.0

    def run(self) -> None:
        before = time.perf_counter()
        while True:
            time.sleep(0.001)
            now = time.perf_counter()
            self.longest_ms = max(self.longest_ms, (now - before) * 1000 - 1)
            before = now


def produce(counter: mmap.mmap) -> None:
    number = 0
    while True:
        number += 1
        struct.pack_into("<Q", counter, 0, number)
        if number % 200 == 0:
            time.sleep(0.001)


def start_shipping(address: str, counter: mmap.mmap) -> None:
    import grpc

    call = grpc.insecure_channel(address).stream_stream(f"/{SERVICE}/Stream")
    answers = call(batches(counter))
    next(answers)
    threading.Thread(target=lambda: list(answers), daemon=True).start()


def batches(counter: mmap.mmap) -> Iterator[bytes]:
    """Each 50 ms all that was counted until then, as the shipper does."""
    while True:
        yield counter[:8]
        time.sleep(BATCH_S)


def ship_once(address: str) -> None:
    """What a shim that follows a fork would do in the child: a stream of its own."""
    import grpc

    call = grpc.insecure_channel(address).stream_stream(f"/{SERVICE}/Stream")
    next(call(iter([bytes(8)]), timeout=3))


def fork_once(work: Callable[[], object]) -> str:
    """A child that does what a worker of a pool does: some work, then the end of its interpreter."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except Exception:
            os._exit(1)
        sys.exit(0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "failed" if status else "ended"
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


# --- outside ------------------------------------------------------------------------------------------


class Server:
    """Keeps the last number that arrived."""

    def __init__(self, address: str) -> None:
        import grpc

        self.last = 0
        handler = grpc.stream_stream_rpc_method_handler(self._stream)
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(SERVICE, {"Stream": handler})]
        )
        self._server.add_insecure_port(address)
        self._server.start()

    def _stream(self, requests: Any, _context: Any) -> Iterator[bytes]:
        try:
            for request in requests:
                self.last = struct.unpack("<Q", request)[0]
                yield b""
        except Exception:  # the target was killed
            return


@dataclasses.dataclass(frozen=True)
class Footprint:
    threads: int
    descriptors: int
    rss_kib: int
    mappings: int


def footprint(pid: int) -> Footprint:
    proc = Path(f"/proc/{pid}")
    status = dict(
        line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line
    )
    return Footprint(
        int(status["Threads"]),
        len(list((proc / "fd").iterdir())),
        int(status["VmRSS"].split()[0]),
        len((proc / "maps").read_text().splitlines()),
    )


class Target:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "counter"
        self.path.write_bytes(bytes(4096))
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--target", f"unix:{folder}/s", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._line()

    def ask(self, command: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        if not ready:
            raise TimeoutError("the program does not answer")
        return self.process.stdout.readline().strip()

    def counted(self) -> int:
        return int(struct.unpack_from("<Q", self.path.read_bytes())[0])

    def kill(self) -> str:
        self.process.kill()
        _, errors = self.process.communicate()
        return errors


def measure_cost(folder: Path) -> None:
    setups, gaps = [], []
    for _ in range(5):
        target_ = Target(folder)
        before = footprint(target_.process.pid)
        setup, gap = map(float, target_.ask("grpc").split())
        time.sleep(0.3)  # its threads start in their own time
        after = footprint(target_.process.pid)
        target_.kill()
        setups.append(setup)
        gaps.append(gap)
    print(f"before: {before}\nwith grpcio inside: {after}")
    median, worst = statistics.median(gaps), max(gaps)
    print(f"set up in {statistics.median(setups):.0f} ms (median of 5)")
    print(f"longest heartbeat gap meanwhile: {median:.1f} ms (median), {worst:.1f} ms (worst)")


def measure_forks(folder: Path) -> None:
    for command in ("fork", "fork-and-ship"):
        target_ = Target(folder)
        target_.ask("grpc")
        ends = [target_.ask(command) for _ in range(FORKS)]
        errors = target_.kill().splitlines()
        print(f"{command}: " + ", ".join(f"{ends.count(end)} {end}" for end in ("ended", "failed", "hung")))
        print(f"  lines on the program's standard error because of it: {len(errors)}")
        for line in errors[:2]:
            print(f"    {line[:150]}")


def measure_losses(folder: Path, server: Server) -> None:
    lost, counted = [], []
    for n in range(KILLS):
        target_ = Target(folder)
        target_.ask("grpc")
        target_.ask("count")
        time.sleep(0.2 + 0.0137 * n)  # another moment of the batch each time
        target_.kill()
        time.sleep(0.1)  # what is under way arrives
        lost.append(target_.counted() - server.last)
        counted.append(target_.counted())
    median = statistics.median(lost)
    print(f"kill -9, {KILLS} times: lost by gRPC {min(lost)} to {max(lost)}, median {median:.0f} events")
    print(f"of {statistics.median(counted):.0f}; in shared memory all of them were still there")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(f"unix:{folder}/s")
        print(f"CPython {sys.version.split()[0]}")
        measure_cost(folder)
        measure_forks(folder)
        measure_losses(folder, server)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        target(*sys.argv[2:4])
    else:
        main()
