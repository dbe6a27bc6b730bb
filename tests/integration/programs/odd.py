"""A program in a state that somebody may not have thought of, at work on results that it checks itself.

    odd.py IN OUT PULSE STATE

States: traced, profiled, monitored (3.12), audited, replaced, deepest, forking, plain.
Commands besides those of talk.py:

["forks", N]          forks N children one after the other, each allocates and checks; how many ended right
["processes", HOW]    a multiprocessing pool by fork, spawn or forkserver; what it returned
["tracemalloc", WHAT] start, stop; or "peak": what tracemalloc has seen of a block of known size
["limit", NAME, N]    sets a resource limit: FSIZE or AS (N bytes above what is in use)
["exec"]              becomes the same program anew
"""

import builtins
import ctypes
import functools
import multiprocessing
import os
import resource
import sys
import time
import tracemalloc
from pathlib import Path

from talk import Talk

CHILD_BYTES = 30011
HEADROOM_FRAMES = 60
CHILD_MAY_TAKE_S = 20


def work(n):
    """Something with calls, an exception and a generator; the same for the same n."""
    total = 0
    for i in squares(n):
        try:
            if i % 3 == 0:
                raise ValueError(i)
        except ValueError as error:
            total += error.args[0]
        total += len(bytes(i % 499))
    return total


def squares(n):
    for i in range(n):
        yield i * i


def in_child():
    kept = [bytes(CHILD_BYTES) for _ in range(50)]
    return sum(map(len, kept)) == 50 * CHILD_BYTES and work(50) == RIGHT


RIGHT = work(50)


def forks(count):
    right = 0
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if in_child() else 1
            finally:
                os._exit(status)
        right += os.waitpid(pid, 0)[1] == 0
    return right


def from_pool(number):
    return [number * number, in_child()]


def processes(how):
    with multiprocessing.get_context(how).Pool(2) as pool:
        return pool.map(from_pool, range(7))


def traced_by(name):
    if name == "peak":
        block = bytes(1000003)
        return tracemalloc.get_traced_memory()[0] >= len(block)
    return getattr(tracemalloc, name)()


def limit(name, count):
    kind = getattr(resource, "RLIMIT_" + name)
    if name == "AS":
        count += int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(kind, (count, resource.getrlimit(kind)[1]))


def become_anew():
    for descriptor in map(int, sys.argv[1:4]):
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, [sys.executable, *sys.argv])


class Observed:
    """Rounds of work under a trace or profile function: each round's log is that of the first."""

    def __init__(self, install):
        self.install, self.log, self.first = install, [], None

    def note(self, frame, event, _):
        if frame.f_code in (work.__code__, squares.__code__):
            self.log.append((event, frame.f_code.co_name, frame.f_lineno))
        return self.note

    def round(self):
        self.log = []
        self.install(self.note)
        result = work(50)
        self.install(None)
        self.first = self.first or self.log
        return result == RIGHT and self.log == self.first and len(self.log) > 100


class Monitored:
    """Rounds of work under sys.monitoring, every event of Python code: each log is that of the first."""

    EVENTS = "PY_START PY_RESUME PY_RETURN PY_YIELD CALL LINE JUMP BRANCH RAISE EXCEPTION_HANDLED C_RETURN"
    TOOL = 3

    def __init__(self):
        self.first = self.log = None
        sys.monitoring.use_tool_id(self.TOOL, "odd")
        for name in self.EVENTS.split():
            event = getattr(sys.monitoring.events, name)
            sys.monitoring.register_callback(self.TOOL, event, functools.partial(self.note, name))

    def note(self, name, code, *where):
        if code in (work.__code__, squares.__code__):
            self.log.append((name, code.co_name, repr(where[0])[:20]))

    def round(self):
        self.log = []
        events = sys.monitoring.events
        wanted = sum(getattr(events, name) for name in self.EVENTS.split() if name != "C_RETURN")
        sys.monitoring.set_events(self.TOOL, wanted)
        result = work(50)
        sys.monitoring.set_events(self.TOOL, 0)
        self.first = self.first or self.log
        return result == RIGHT and self.log == self.first and len(self.log) > 100


def serve_with(talk, one_round):
    while True:
        talk.check(one_round())
        talk.beat()
        if talk.is_asked():
            talk.serve()


def refuse(*_):
    raise RuntimeError("not here")


def plain(talk):
    serve_with(talk, lambda: work(50) == RIGHT)


def traced(talk):
    serve_with(talk, Observed(sys.settrace).round)


def profiled(talk):
    serve_with(talk, Observed(sys.setprofile).round)


def monitored(talk):
    serve_with(talk, Monitored().round)


def forking(talk):
    """Forks without end; each child loads a library, allocates, and must end right and in time."""
    serve_with(talk, one_child)


def one_child():
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if ctypes.CDLL("libm.so.6").abs(-7) == 7 and in_child() else 1
        finally:
            os._exit(status)
    deadline = time.monotonic() + CHILD_MAY_TAKE_S
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.0002)
    return ended == (pid, 0)


def audited(talk):
    sys.addaudithook(refuse)
    plain(talk)


def replaced(talk):
    builtins.exec = builtins.eval = builtins.compile = builtins.open = builtins.__import__ = refuse
    plain(talk)


def deepest(talk):
    """The main thread stands just below its recursion limit."""
    frame, depth = sys._getframe(), 0
    while frame:
        frame, depth = frame.f_back, depth + 1

    def dive(left):
        return dive(left - 1) if left else plain(talk)

    dive(sys.getrecursionlimit() - depth - HEADROOM_FRAMES)


def main():
    page = os.dup(int(sys.argv[3]))  # talk.py closes the one it was given
    talk = Talk()
    os.dup2(page, int(sys.argv[3]))
    os.close(page)
    talk.handlers.update({"forks": forks, "processes": processes, "tracemalloc": traced_by})
    talk.handlers.update({"limit": limit, "exec": become_anew})
    talk.answer("ready")
    globals()[sys.argv[4]](talk)


if __name__ == "__main__":
    main()
