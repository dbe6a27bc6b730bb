"""How long a target stands still because of us, and how soon there is an event."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from memscope_client import Sampling, Session
from tests.support.daemon import Serving, memscoped
from tests.support.samples import first_event_ns
from tests.support.targets import Target
from tests.support.waiting import until

BEATS = 400


def round_trip(daemon: Serving, target: Target) -> Session:
    """An attach and a detach; the session has the length of every stop."""
    session = daemon.client.attach(target.pid, Sampling.bytes(512 << 10)).result()
    return daemon.detach(session)


def stop_lines(name: str, sessions: list[Session]) -> list[str]:
    """A line for each purpose of a stop. A detach stops nothing where the shim passes by by itself."""
    stops = [stop for one in sessions for half in (one.attach, one.detach) for stop in half.stops]
    routes = "".join(sorted({one.attach.route for one in sessions}))
    return [
        f"stop {name:<26} {routes:<2} {purpose:<6} "
        + told([stop.duration_ns for stop in stops if stop.purpose == purpose])
        for purpose in sorted({stop.purpose for stop in stops})
    ]


def longest_gap(target: Target, action: Callable[[], object]) -> int:
    """The longest gap of its heartbeat while ``action`` runs, and for some beats before and after."""
    target.reset_gap()
    beat(target)
    action()
    beat(target)
    return target.longest_gap_ns


def gaps_with_and_without(daemon: Serving, target: Target) -> tuple[int, int]:
    """The longest gap over an attach and a detach, and over as long a time without them."""
    began = time.monotonic()
    disturbed = longest_gap(target, lambda: round_trip(daemon, target))
    ends = 2 * time.monotonic() - began
    return disturbed, longest_gap(target, lambda: until(lambda: time.monotonic() >= ends, "as long a time"))


def beat(target: Target) -> None:
    enough = target.beats + BEATS
    until(lambda: target.beats >= enough, "the heart to beat")


def command_to_first_event_ns(daemon: Serving, target: Target, *sampling: str) -> int:
    """From the start of ``memscoped attach`` to the target's first recorded allocation; a daemon runs."""
    where = ("--background", "--history", "unbounded", "--daemon", daemon.address)
    began_ns = time.time_ns()
    done = memscoped(daemon.folder, "attach", str(target.pid), *sampling, *where)
    assert done.returncode == 0, done.stderr
    session = daemon.client.detach(done.stdout.strip())
    return session.started_unix_ns + first_event_ns(session.store_path) - began_ns


def told(values_ns: Sequence[int]) -> str:
    values = sorted(value / 1e6 for value in values_ns)
    return f"n={len(values):<3} median {statistics.median(values):8.3f} ms   longest {values[-1]:8.3f} ms"
