"""Which thread, by which route: asked anew at each try, for threads go in and out of calls. Pure."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from memscope_daemon.attach.waits import Wait


class Route(enum.Enum):
    """K: the main thread is sent to clone a helper, and runs the call itself when it next may.
    P: a blocked thread is sent to pthread_create, and the new thread takes the GIL."""

    K = "K"
    P = "P"


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    route: Route
    tid: int
    wait: Wait


def choose(main: int, threads: Sequence[tuple[int, Wait]], routes: frozenset[Route]) -> Choice | None:
    """The best thread at this moment for the injected call, None = none is safe just now.

    A running main thread is sent by K. Where it waits, the best waiting thread makes the new one by P. Of
    equals not the main thread: while that is stopped, the kernel hands a signal to some other thread, and
    CPython does not wake a main thread that waits for a lock.
    """
    waits = dict(threads)
    mine = waits.get(main, Wait.UNSAFE)
    if mine is Wait.RUNS and Route.K in routes:
        return Choice(Route.K, main, mine)
    if Route.P not in routes:
        return None
    best = min(threads, key=lambda each: (each[1], each[0] == main), default=(main, Wait.UNSAFE))
    return Choice(Route.P, *best) if best[1] <= Wait.INTERRUPTS else None


#: For a mere system call a running thread is as good as one whose call restarts.
_FOR_A_CALL = {Wait.RESTARTS: 0, Wait.RUNS: 1, Wait.REWINDS: 3, Wait.INTERRUPTS: 4, Wait.UNSAFE: 5}


def choose_caller(main: int, threads: Sequence[tuple[int, Wait]]) -> Choice | None:
    """The best thread for a system call of ours, where the route does not matter: main if it runs, else
    any other, else main."""
    if (main, Wait.RUNS) in threads:
        return Choice(Route.K, main, Wait.RUNS)
    best = min(
        threads, key=lambda each: _FOR_A_CALL[each[1]] + 2 * (each[0] == main), default=(main, Wait.UNSAFE)
    )
    route = Route.K if best[1] is Wait.RUNS else Route.P
    return Choice(route, *best) if best[1] is not Wait.UNSAFE else None
