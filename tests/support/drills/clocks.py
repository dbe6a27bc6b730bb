"""The wall clock of all of memscope is set to other times, again and again. Sessions go by a clock that only
runs on."""

from __future__ import annotations

import contextlib
import mmap
import random
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.daemon import serving
from tests.support.drills.rig import SAMPLINGS, Rig, any_target, check_counts, some_time
from tests.support.rings import RingView
from tests.support.waiting import until

SOURCE = Path(__file__).resolve().parents[1] / "clock_jump.c"
FILE = struct.Struct("<qQ")
YEAR_S = 365 * 86_400
JUMPS = 20
FAR_FROM_A_JUMP_S = 3600.0


class WallClock:
    """That of whoever runs with ``environment``."""

    def __init__(self, folder: Path) -> None:
        library, path = folder / "clock_jump.so", folder / "clock"
        compile_ = ["gcc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
        subprocess.run(compile_, check=True)
        path.write_bytes(bytes(FILE.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), FILE.size)
        self.environment = {"LD_PRELOAD": str(library), "MEMSCOPE_TEST_CLOCK": str(path)}

    @property
    def asked_count(self) -> int:
        """How often somebody has looked at it."""
        return int(FILE.unpack_from(self._map)[1])

    def set(self, off_s: int) -> None:
        struct.pack_into("<q", self._map, 0, off_s)

    @contextlib.contextmanager
    def jumping(self, dice: random.Random) -> Iterator[None]:
        """Forth and back by up to thirty years, while the block runs."""
        over = threading.Event()

        def jump() -> None:
            while not over.wait(dice.uniform(0.01, 0.2)):
                self.set(dice.randint(-30 * YEAR_S, 30 * YEAR_S))

        thread = threading.Thread(target=jump)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def clock_jumps(rig: Rig, dice: random.Random) -> str:
    """The wall clock is set forth and back by years: nothing is lost, no session is longer or shorter."""
    with tempfile.TemporaryDirectory(prefix="memscope-clock-", dir=rig.folder) as name:
        clock = WallClock(Path(name))
        clock.set(dice.randint(-30 * YEAR_S, 30 * YEAR_S))
        with serving(Path(name), extra=clock.environment) as daemon, any_target(dice) as target:
            began = time.monotonic()
            with clock.jumping(dice):
                session = daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
                with RingView(target.pid) as rings:
                    for _ in range(JUMPS):
                        some_time(dice)
                        target.works()
                        assert daemon.client.figures(session.session_id).figures.time_ns >= 0
                    asked = clock.asked_count
                    until(lambda: clock.asked_count > asked, "somebody to look at the clock")
                    ended = daemon.detach(session)
                    took_s = time.monotonic() - began
                    report = daemon.client.report(session.session_id)
                    counts = check_counts(report, rings)
            assert ended.end_reason == "detached", ended
            longest_ns = (took_s + FAR_FROM_A_JUMP_S) * 1e9
            assert 0 < report.session.duration_ns < longest_ns, report.session
            assert 0 <= report.figures.peak_time_ns <= report.figures.time_ns < longest_ns, report.figures
            assert "alloc_no_reader" not in {loss.cause for loss in report.quality.losses}
            target.works()
            target.end()
    return f"{target.program}, {took_s:.1f} s under {JUMPS} and more jumps: {counts}"
