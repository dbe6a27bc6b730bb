"""A program that knows what it allocates, paced: some MB a second.

    knows.py IN OUT PULSE KIND

KIND: steady (one thread), threads (eight), deep (forty frames down), leaky (keeps each hundredth block).

["begin"]  works until it is told to halt
["halt"]   halts; what it has allocated since: [function, largest block, bytes, bytes that it still holds]
"""

import sys
import threading

from talk import Talk

KIND = sys.argv[4]
DEPTH = 40
SLOTS = 61
PAUSE_S = 0.1


def make_small(kept, slot, length):
    kept[slot] = b"\x01" * length


def make_middle(kept, slot, length):
    kept[slot] = b"\x01" * length


def make_large(kept, slot, length):
    kept[slot] = b"\x01" * length


#: Length of a block, and how often in a round.
SITES = ((make_small, 997, 61), (make_middle, 20011, 13), (make_large, 300007, 2))


class Worker(threading.Thread):
    """One writer for each of its counts."""

    def __init__(self, pause_s):
        super().__init__(daemon=True)
        self.pause_s = pause_s
        self.made = {site.__name__: 0 for site, _, _ in SITES}
        self.kept = {site.__name__: [None] * SLOTS for site, _, _ in SITES}
        self.leaked = {site.__name__: [] for site, _, _ in SITES}
        self.halted = threading.Event()

    def run(self):
        while not self.halted.wait(self.pause_s):
            self.down(DEPTH if KIND == "deep" else 0)
            talk.beat()

    def down(self, depth):
        if depth:
            self.down(depth - 1)
        else:
            self.round()

    def round(self):
        for site, length, times in SITES:
            name = site.__name__
            kept, leaked = self.kept[name], self.leaked[name]
            for _ in range(times):
                self.made[name] += 1
                number = self.made[name]
                site(kept, number % SLOTS, length)
                if KIND == "leaky" and number % 100 == 0:
                    leaked.append(kept[number % SLOTS])

    def told(self, name):
        """Bytes made, bytes held, size of one."""
        held = {id(block): block for block in self.kept[name] + self.leaked[name] if block is not None}
        size = max(sys.getsizeof(block) for block in held.values())
        return self.made[name] * size, len(held) * size, size


talk = Talk()
workers = []


def begin():
    count = 8 if KIND == "threads" else 1
    workers.extend(Worker(PAUSE_S * count) for _ in range(count))
    for worker in workers:
        worker.start()


def halt():
    for worker in workers:
        worker.halted.set()
    for worker in workers:
        worker.join()
        for kept in worker.kept.values():
            talk.check(all(block is None or len(block) == len(kept[1]) for block in kept))
    told = []
    for site, _, _ in SITES:
        parts = [worker.told(site.__name__) for worker in workers]
        told.append([site.__name__, parts[0][2], sum(one[0] for one in parts), sum(one[1] for one in parts)])
    return told


talk.handlers.update(begin=begin, halt=halt)
talk.ready()
while True:
    talk.serve()
