"""What the hooks cost inside one process: shim in against shim out, interleaved, medians.

    pythonX tests/bench/hot_path.py LAYOUT.py SHIM.so [ROUNDS]

A child process empties the rings, as the shipper would. Prints one line per workload.
"""

import json
import mmap
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "shim", "programs"))
from inside import Shim


class Point:
    __slots__ = ("a", "b", "c")

    def __init__(self, i):
        self.a = i
        self.b = str(i)
        self.c = [i, i + 1]


def objects(n=100000):
    points = [Point(i) for i in range(n)]
    return len({p.b: p for p in points})


DOCUMENT = {
    "users": [
        {
            "id": i,
            "name": "user%d" % i,
            "tags": ["a", "b", str(i)],
            "score": i * 1.5,
            "nested": {"x": [1, 2, 3], "y": None},
        }
        for i in range(1000)
    ]
}
TEXT = json.dumps(DOCUMENT)


def json_both_ways():
    for _ in range(20):
        json.loads(TEXT)
        json.dumps(DOCUMENT)


def deep(n=100000):
    def down(k):
        return down(k - 1) if k else [object() for _ in range(n)]

    return len(down(50))


def calls():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return fib(22)


MODES = {
    "512K": {"mode": 1, "value": 524288.0, "depth": 64},
    "64K": {"mode": 1, "value": 65536.0, "depth": 64},
    "full": {"mode": 2, "value": 1.0, "depth": 20},
}


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Reader:
    """A process that empties whatever session it is told of. Started before anything is measured: a fork
    makes the parent pay for copied pages."""

    def __init__(self, shim):
        self.shim = shim
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()
        if os.fork() == 0:
            self.run(orders, answers)
        shim.on_shared = self.tell

    def tell(self, fd, length):
        os.write(self.orders, b"%20d %20d" % (fd, length))
        os.read(self.answers, 1)

    def run(self, orders, answers):
        parent, session = os.getppid(), None
        os.set_blocking(orders, False)
        while os.getppid() == parent:
            try:
                fd, length = map(int, os.read(orders, 41).split())
            except BlockingIOError:
                pass
            except ValueError:
                break
            else:
                with open("/proc/%d/fd/%d" % (parent, fd), "r+b") as file:
                    session = self.shim.layout.Session.from_buffer(mmap.mmap(file.fileno(), length))
                os.write(answers, b"k")
            for ring in (session.events, session.raw, session.meta) if session else ():
                ring.tail = ring.head
            time.sleep(0.002)
        os._exit(0)


def main():
    shim = Shim(*sys.argv[1:3])
    Reader(shim)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    for work in (objects, json_both_ways, deep, calls):
        work()
        ratios = {name: [] for name in MODES}
        for _ in range(rounds):
            for name, setting in MODES.items():
                before = seconds(work)
                events = 1 << 14 if name != "full" else 1 << 18
                assert shim.enter(events=events, live=events * 4, **setting) == 0
                during = seconds(work)
                losses = shim.losses()
                shim.leave()
                after = seconds(work)
                ratios[name].append(during / ((before + after) / 2))
        shown = {name: round(statistics.median(values), 3) for name, values in ratios.items()}
        print(
            f"{sys.version.split()[0]} {work.__name__:15} {before * 1e3:6.1f} ms  {shown}  {losses}",
            flush=True,
        )


if __name__ == "__main__":
    main()
