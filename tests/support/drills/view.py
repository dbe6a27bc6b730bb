"""The live view of a storm, for long: the daemon's memory stays flat, and it takes little of a processor.

A program that allocates without pause is watched with the default sampling by ``memscoped attach`` on a
terminal, whose daemon runs beside it. Daemon, shippers and the view are looked at from outside.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from memscope_daemon.monitor.process import cpu_ns, resident_bytes
from tests.support.daemon import Serving, command, environment, serving
from tests.support.drills.many import FLAT_BYTES_PER_MINUTE, MIB, WARM_SHARE, slope
from tests.support.interpreters import every_interpreter
from tests.support.outside import mappings
from tests.support.rings import NAME, descendants
from tests.support.targets import Target
from tests.support.terminals import Terminal, drain

SECONDS, LOOKS = 900.0, 180
SHARE_MOST = 0.10
SIZES = ((80, 24), (200, 50))


class Watched:
    """A process: resident bytes over time, and what of a processor it has taken."""

    def __init__(self, name: str, pid: int) -> None:
        self.name, self._pid = name, pid
        self.times_s: list[float] = []
        self.sizes: list[int] = []
        self._worked_ns: list[int] = []

    def look(self) -> None:
        self.times_s.append(time.monotonic())
        self.sizes.append(resident_bytes(self._pid) or 0)
        self._worked_ns.append(cpu_ns(self._pid) or 0)

    @property
    def share(self) -> float:
        return (self._worked_ns[-1] - self._worked_ns[0]) / 1e9 / (self.times_s[-1] - self.times_s[0])

    def tell(self) -> bool:
        """True: it is still growing after the first third."""
        a_minute, uncertain = slope(self.times_s, self.sizes)
        third = self.sizes[int(len(self.sizes) * WARM_SHARE)]
        print(
            f"{self.name}: {self.share:.1%} of a processor; {self.sizes[0] / MIB:.1f} MiB at first,"
            f" {third / MIB:.1f} after a third, {self.sizes[-1] / MIB:.1f} at the end;"
            f" {a_minute / 1024:+.1f} ± {2 * uncertain / 1024:.1f} KiB a minute after the first third",
            flush=True,
        )
        return a_minute - 2 * uncertain > FLAT_BYTES_PER_MINUTE


def watch(daemon: Serving, folder: Path, target: Target, size: tuple[int, int], seconds: float) -> bool:
    """One view of that size; True: something took too much."""
    words = ["attach", str(target.pid), "--daemon", daemon.address, "--out", str(folder / f"{size[0]}")]
    with Terminal(command(*words), *size, environment(folder), folder) as terminal:
        terminal.shows("q detach")
        (shipper,) = _shippers(daemon.process.pid)
        daemon_seen = Watched(f"{size[0]} by {size[1]}: daemon", daemon.process.pid)
        view = Watched("    view", terminal.process.pid)
        shipped = Watched("    shipper", shipper)
        ends, beats = time.monotonic() + seconds, target.beats
        while time.monotonic() < ends:
            for one in (daemon_seen, view, shipped):
                one.look()
            assert terminal.process.poll() is None, terminal.text
            drain(terminal, seconds / LOOKS)
        assert target.beats > beats
        terminal.press("q")
        assert terminal.ends() == 0, terminal.text
    grown = [one.tell() for one in (daemon_seen, view, shipped)]
    return any(grown) or daemon_seen.share > SHARE_MOST


def _shippers(pid: int) -> list[int]:
    """Those of its descendants that have a session's memory open."""
    return [one for one in descendants(pid) if any(row.path.startswith(NAME) for row in mappings(one))]


def main(arguments: list[str]) -> int:
    """The live view on a storm, at two sizes: memory flat, little of a processor (--seconds S each)"""
    parser = argparse.ArgumentParser(prog="scripts/soak view", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    args = parser.parse_args(arguments)
    interpreter = every_interpreter()[0]
    too_much = False
    with tempfile.TemporaryDirectory(prefix="memscope-view-") as name, serving(Path(name)) as daemon:
        for size in SIZES:
            with Target(interpreter, "storm") as target:
                too_much |= watch(daemon, Path(name), target, size, args.seconds)
                target.works()
                target.end()
        report = daemon.client.sessions(include_ended=True)
        quality = [daemon.client.report(one.session_id).quality for one in report]
        print(
            "; ".join(f"{one.recorded_count:,} samples, {one.lost_count:,} lost" for one in quality),
            flush=True,
        )
    return int(too_much)
