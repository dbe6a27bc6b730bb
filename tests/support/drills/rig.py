"""Where drills take place: a daemon that can be killed and started again, targets of every interpreter."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

from memscope_client import Report, Sampling, Session
from tests.support.daemon import Serving, memscoped
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.rings import RingView, descendants, holders, is_running, kill_all
from tests.support.samples import stored_count
from tests.support.targets import Target
from tests.support.waiting import until

SAMPLINGS = (Sampling.rate(1.0, depth=20), Sampling.bytes(512 << 10), Sampling.bytes(4096))
PROGRAMS = ("storm", "busy", "fifty_threads", "main_blocked")
LONGEST_WAIT_S = 0.6
#: Counted by shippers, not by the shim.
OF_SHIPPERS = ("shipper_died", "bad_record")

Drill = Callable[["Rig", random.Random], str]


class Rig:
    """A folder with a daemon in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemon: Serving | None = None

    @property
    def daemon(self) -> Serving:
        """The daemon; started if there is none."""
        if self._daemon is None or self._daemon.process.poll() is not None:
            if self._daemon is not None:
                self._daemon.client.close()
            self._daemon = Serving(self.folder)
        return self._daemon

    @property
    def shippers(self) -> list[int]:
        """Of the daemon that runs: those that have a session."""
        return holders(descendants(self.daemon.process.pid))

    def kill_everything(self) -> None:
        """All of memscope, at once."""
        daemon = self.daemon.process
        pids = [daemon.pid, *descendants(daemon.pid)]
        kill_all(pids)
        daemon.wait()
        until(lambda: not any(map(is_running, pids)), "all of memscope to be gone")

    def detach_by_hand(self, pid: int) -> str:
        """``memscoped detach``, as somebody does who finds hooks in a process."""
        done = memscoped(self.folder, "detach", str(pid), "--daemon", self.daemon.address)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def close(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()


def any_interpreter(dice: random.Random) -> Interpreter:
    return dice.choice(supported_interpreters())


def any_target(dice: random.Random) -> Target:
    return Target(any_interpreter(dice), dice.choice(PROGRAMS))


def some_time(dice: random.Random) -> float:
    """Waits for no condition: a drill strikes at any moment. Seconds."""
    waited_s = dice.uniform(0.0, LONGEST_WAIT_S) ** 2 / LONGEST_WAIT_S
    threading.Event().wait(waited_s)
    return waited_s


def ended(rig: Rig, session: Session) -> Session:
    """The session, once it has ended."""

    def look() -> Session | None:
        listed = rig.daemon.client.sessions(include_ended=True)
        return next((one for one in listed if one.session_id == session.session_id and one.is_ended), None)

    found = until(look, f"session {session.session_id} to end")
    assert found is not None
    return found


def check_counts(report: Report, rings: RingView) -> str:
    """Everything that was written is stored or counted as lost, and every loss is told, cause by cause."""
    told = {loss.cause: loss.record_count for loss in report.quality.losses}
    lost_behind = sum(told.pop(cause, 0) for cause in OF_SHIPPERS)
    assert "unaccounted" not in told, report.quality
    written, stored = rings.written_count, report.quality.recorded_count
    assert written == stored + lost_behind, (written, stored, report.quality)
    assert told == rings.losses, (told, rings.losses)
    assert report.quality.written_count == written, (report.quality, written)
    in_file = stored_count(report.session.store_path)
    assert in_file == stored, f"{in_file} events in the file, {stored} reported"
    return f"written {written} = stored {stored} + lost {lost_behind}; not written {sum(told.values())}"
