"""Blocks of known age: some die at once, some after a quarter of a second, some never.

    ages.py IN OUT PULSE

["begin"]  works until it is told to halt
["halt"]   halts; how many blocks `passing` made that have died, and how long each had lived, in nanoseconds
"""

import collections
import threading
import time

from talk import Talk

PAUSE_S = 0.01
PASSING = 25  # pauses that one of them lives
SIZE = 4099


def at_once():
    for length in range(SIZE, SIZE + 30):
        bytes(length)


def passing(kept):
    kept.append((bytes(SIZE), time.monotonic_ns()))


def staying(kept):
    kept.append(bytes(SIZE))


class Worker(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.halted = threading.Event()
        self.lived_ns = []

    def run(self):
        queue, kept = collections.deque(), []
        while not self.halted.wait(PAUSE_S):
            at_once()
            passing(queue)
            staying(kept)
            if len(queue) > PASSING:
                _, made_ns = queue.popleft()
                self.lived_ns.append(time.monotonic_ns() - made_ns)
            talk.beat()
        self.held = queue, kept


talk = Talk()
worker = Worker()


def begin():
    worker.start()


def halt():
    worker.halted.set()
    worker.join()
    return worker.lived_ns


talk.handlers.update(begin=begin, halt=halt)
talk.ready()
while True:
    talk.serve()
