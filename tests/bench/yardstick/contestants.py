"""Who is measured: nothing, memscope in its settings, and the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.yardstick.memscope import attach
from tests.bench.yardstick.runs import NOTHING, NOTHING_AGAIN, Traces
from tests.bench.yardstick.workloads import Running
from tests.support.daemon import Serving

BLOCK_BYTES = 512  # in which st_blocks counts


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """Where a contestant comes in: beside which target, with which daemon, and a folder for its files."""

    target: Running
    daemon: Serving
    folder: Path


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """A contestant that is in. ``beside``: its own processes; ``leave`` ends it and tells its traces."""

    beside: Callable[[], Sequence[int]] = tuple
    leave: Callable[[], Traces] = Traces


@dataclasses.dataclass(frozen=True, slots=True)
class Contestant:
    """``needs``: a package in the targets' environment. ``before``: the interpreter's arguments before the
    program's name; ``inside``: what begins in the target; ``enter``: what comes in once it has warmed up."""

    name: str
    what: str
    needs: str = ""
    before: tuple[str, ...] = ()
    inside: str = ""
    enter: Callable[[Scene], Visit] = lambda scene: Visit()


def memscope(name: str, what: str, *options: str) -> Contestant:
    def enter(scene: Scene) -> Visit:
        session = attach(scene.daemon, scene.target.pid, options)
        return Visit(session.processes, session.leave)

    return Contestant(name, what, enter=enter)


def begun_inside(name: str, what: str, needs: str = "") -> Contestant:
    def enter(scene: Scene) -> Visit:
        scene.target.begin_inside()
        return Visit()

    return Contestant(name, what, needs, inside=name, enter=enter)


def memray(name: str, what: str, *options: str) -> Contestant:
    """``memray run``: in the program from its start."""

    def enter(scene: Scene) -> Visit:
        output = scene.folder / "memray.bin"
        return Visit(leave=lambda: Traces(written_bytes=output.stat().st_blocks * BLOCK_BYTES))

    before = ("-m", "memray", "run", "--quiet", "--force", "--output", "memray.bin", *options)
    return Contestant(name, what, "memray", before, enter=enter)


CONTESTANTS = {
    each.name: each
    for each in (
        Contestant(NOTHING, "the program alone"),
        Contestant(NOTHING_AGAIN, "the same once more in each round: what this run can tell apart"),
        memscope("production", "memscope attach, its default: a sample each 512 KiB, 64 frames"),
        memscope("demo", "memscope --preset demo: one allocation in 10, innermost frame", "--preset", "demo"),
        memscope(
            "high_performance", "memscope --preset high_performance: one in 100, innermost frame",
            "--preset", "high_performance",
        ),
        memscope("rate-0.1", "memscope --rate 0.1: one allocation in 10, 64 frames", "--rate", "0.1"),
        memscope("rate-0.01", "memscope --rate 0.01: one allocation in 100, 64 frames", "--rate", "0.01"),
        memscope("full", "memscope --preset full: every allocation, 20 frames", "--preset", "full"),
        begun_inside("tracemalloc-1", "tracemalloc.start(1): every allocation, one frame"),
        begun_inside("tracemalloc-20", "tracemalloc.start(20): every allocation, 20 frames"),
        memray("memray", "memray run: the system's allocator, all frames"),
        memray(
            "memray-python", "memray run --trace-python-allocators: every allocation, all frames",
            "--trace-python-allocators",
        ),
        begun_inside("ddtrace", "ddtrace's memory collector: sampled, 64 frames, nothing sent", "ddtrace"),
    )
}  # fmt: skip
