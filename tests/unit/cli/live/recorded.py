"""A session that was recorded: the points of its first seconds, always the same ones."""

from __future__ import annotations

import dataclasses
import math

from memscope_client import Cost, Estimate, Figures, Quality, Sampling, Session, Site, ThreadFigures
from memscope_client.figures import Loss, Mark, WatchPoint
from memscope_client.sessions import AttachFigures, Target
from memscope_daemon.cli.live.moment import Moment, SystemSample, Trail

KIB, MIB = 1 << 10, 1 << 20
SECOND_NS = 1_000_000_000
MEAN = 512 * KIB
SESSION_ID = "00000000075bcd15"
NO_ATTACH = AttachFigures("K", (), 0, 0)
SESSION = Session(
    SESSION_ID,
    Target(4242, 1, "python demo_leak.py", "3.11.7", "host"),
    "active",
    "",
    "",
    1_700_000_000 * SECOND_NS,
    0,
    Sampling("bytes", float(MEAN), True, 64, 7, False, "production"),
    NO_ATTACH,
    NO_ATTACH,
    "",
)
#: Where, and how many samples a second: live ones, and all.
SITES = (
    ("Shop.remember", "/srv/shop/programs/demo_leak.py", 52, 4, 6),
    ("Template.substitute", "/usr/lib/python3.11/string.py", 121, 1, 9),
    ("JSONEncoder.iterencode", "/usr/lib/python3.11/json/encoder.py", 258, 0, 23),
    ("Shop.receipt.<locals>.<genexpr>", "/srv/shop/programs/demo_leak.py", 44, 0, 14),
    ("Shop.order.<locals>.<listcomp>", "/srv/shop/programs/demo_leak.py", 37, 0, 7),
    ("", "", 0, 0, 3),
)
THREADS = ((2, 4244, "orders", 51), (1, 4242, "MainThread", 8), (3, 4251, "", 3))


def estimate(samples: int, weight: float = MEAN) -> Estimate:
    """An estimate that rests on so many samples."""
    spread = 1.96 * math.sqrt(samples + 1)
    low, high = max(samples - spread, 0.0), samples + spread + 1
    return Estimate(samples * weight, low * weight, high * weight, samples, False)


def site(function: str, file: str, line: int, live: int, made: int) -> Site:
    freed = made - live
    return Site(
        function,
        file,
        line,
        estimate(live),
        estimate(live, 40),
        estimate(made),
        estimate(made, 40),
        estimate(freed),
        estimate(freed, 40),
        estimate(live),
    )


def point(second: int, sites: int = len(SITES), threads: int = len(THREADS)) -> WatchPoint:
    """The newest one, so many seconds after the attach."""
    rows = (_site(at) for at in range(sites))
    found = tuple(site(*where, live * second, made * second) for *where, live, made in rows)
    live, made = (sum(one) for one in zip(*((row[3], row[4]) for row in SITES), strict=True))
    figures = Figures(
        second * SECOND_NS,
        estimate(made * second),
        estimate(made * second, 90),
        estimate((made - live) * second),
        estimate((made - live) * second, 90),
        estimate(live * second),
        estimate(live * second, 90),
        estimate(live * second + 1),
        second * SECOND_NS,
    )
    return WatchPoint(
        second,
        figures,
        0,
        (Mark(2 * SECOND_NS, "first orders"),) if second == 2 else (),
        found,
        tuple(_thread(at, second) for at in range(threads)),
        quality(made * second),
        Cost(5_000_000 * second, 400_000_000 * second, 1.27),
        dataclasses.replace(SESSION, duration_ns=second * SECOND_NS),
    )


def _site(at: int) -> tuple[str, str, int, int, int]:
    """Of those named, or one more."""
    return SITES[at] if at < len(SITES) else (f"function_{at}", f"/srv/shop/module_{at}.py", at, 0, 1)


def _thread(at: int, second: int) -> ThreadFigures:
    more = (at + 1, 5000 + at, f"worker-{at}", 1)
    number, native_id, name, made = THREADS[at] if at < len(THREADS) else more
    count = made * second
    return ThreadFigures(number, native_id, name, estimate(count), estimate(count, 90), estimate(count // 9))


def quality(recorded: int, lost: int = 0) -> Quality:
    losses = (Loss("alloc_ring_full", lost, float(lost), float(lost)),) if lost else ()
    return Quality("good", lost / (recorded + lost), recorded, lost, losses, 1.5 * MIB, 0, recorded)


def moment(second: int = 7, **how: int) -> Moment:
    """After so many seconds of watching."""
    trail, found = Trail(100), None
    for at in range(1, second + 1):
        found = trail.take(point(at, **how), SystemSample(int(43.5 * MIB)))
    assert found is not None
    return found
