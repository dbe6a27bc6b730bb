"""A program whose every allocation is known: 28 sites, 4 threads, sizes that are odd primes.

    truth.py IN OUT PULSE

Each site is a function of one line that makes one object and puts it into a slot, which frees the object that
was there. A bytes or str object is one block, as long as sys.getsizeof says; a bytearray is two. Commands:

["sites", SCALE]    what a run of this scale allocates: function, line, blocks, bytes, how many stay
["prepare", SCALE]  makes room for a run (to be asked before the attach)
["work"]            runs; answers when all threads are done
["work_forking", N] the same, and forks N times meanwhile; each child allocates a little and ends
["drop"]            frees what stayed
"""

import os
import sys
import threading
import time

from talk import Talk

THREADS = 4
BYTES_PER_SITE_AND_THREAD = 1 << 20
WARM_CALLS = 2003
PAUSE_CALLS = 4001
BYTE, CHARACTER, ARRAY = b"x", "x", bytearray(b"x")


def site_01(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_02(kept, slot, length):
    kept[slot] = BYTE * length


def site_03(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_04(kept, slot, length):
    kept[slot] = BYTE * length


def site_05(kept, slot, length):
    kept[slot] = ARRAY * length


def site_06(kept, slot, length):
    kept[slot] = BYTE * length


def site_07(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_08(kept, slot, length):
    kept[slot] = BYTE * length


def site_09(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_10(kept, slot, length):
    kept[slot] = BYTE * length


def site_11(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_12(kept, slot, length):
    kept[slot] = BYTE * length


def site_13(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_14(kept, slot, length):
    kept[slot] = BYTE * length


def site_15(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_16(kept, slot, length):
    kept[slot] = BYTE * length


def site_17(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_18(kept, slot, length):
    kept[slot] = ARRAY * length


def site_19(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_20(kept, slot, length):
    kept[slot] = BYTE * length


def site_21(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_22(kept, slot, length):
    kept[slot] = BYTE * length


def site_23(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_24(kept, slot, length):
    kept[slot] = BYTE * length


def site_25(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_26(kept, slot, length):
    kept[slot] = BYTE * length


def site_27(kept, slot, length):
    kept[slot] = CHARACTER * length


def site_28(kept, slot, length):
    kept[slot] = BYTE * length


SITES = (
    (101, site_01, CHARACTER),
    (149, site_02, BYTE),
    (211, site_03, CHARACTER),
    (307, site_04, BYTE),
    (401, site_05, ARRAY),
    (503, site_06, BYTE),
    (521, site_07, CHARACTER),
    (701, site_08, BYTE),
    (1009, site_09, CHARACTER),
    (1511, site_10, BYTE),
    (2003, site_11, CHARACTER),
    (3001, site_12, BYTE),
    (4099, site_13, CHARACTER),
    (6007, site_14, BYTE),
    (8191, site_15, CHARACTER),
    (12289, site_16, BYTE),
    (16411, site_17, CHARACTER),
    (20011, site_18, ARRAY),
    (24571, site_19, CHARACTER),
    (32771, site_20, BYTE),
    (49157, site_21, CHARACTER),
    (65537, site_22, BYTE),
    (98317, site_23, CHARACTER),
    (131101, site_24, BYTE),
    (262147, site_25, CHARACTER),
    (393241, site_26, BYTE),
    (786433, site_27, CHARACTER),
    (3145739, site_28, BYTE),
)


def length_of(size_bytes, kind):
    """How many elements make the object this long."""
    return size_bytes - (sys.getsizeof(kind * 1) - 1)


def calls_of(size_bytes, scale):
    return max(3, int(BYTES_PER_SITE_AND_THREAD / size_bytes * scale))


def stays(calls):
    return max(1, calls // 4)


def describe(scale):
    described = []
    for size_bytes, site, kind in SITES:
        made = kind * length_of(size_bytes, kind)
        blocks = 2 if kind is ARRAY else 1
        largest = size_bytes - sys.getsizeof(kind * 0) if kind is ARRAY else size_bytes
        assert sys.getsizeof(made) == size_bytes
        calls = calls_of(size_bytes, scale)
        described.append(
            {
                "function": site.__name__,
                "line": site.__code__.co_firstlineno + 1,
                "largest_block_bytes": largest,
                "count": THREADS * calls * blocks,
                "bytes": THREADS * calls * size_bytes,
                "live_count": THREADS * stays(calls) * blocks,
                "live_bytes": THREADS * stays(calls) * size_bytes,
            }
        )
    return described


class Worker(threading.Thread):
    def __init__(self, number):
        super().__init__(name="truth-%d" % number, daemon=True)
        self.scale, self.kept = 0.0, []
        self.begin, self.done = threading.Semaphore(0), threading.Semaphore(0)

    def prepare(self, scale):
        self.scale = scale
        self.kept = [[None] * stays(calls_of(size_bytes, scale)) for size_bytes, _, _ in SITES]

    def run(self):
        while True:
            self.begin.acquire()
            for (size_bytes, site, kind), kept in zip(SITES, self.kept):  # noqa: B905
                self.work(site, kept, length_of(size_bytes, kind), calls_of(size_bytes, self.scale))
            self.done.release()

    def work(self, site, kept, length, calls):
        slots = len(kept)
        for call in range(calls):
            site(kept, call % slots, length)
            if call % PAUSE_CALLS == 0:
                time.sleep(0.001)  # others take their turn: sites of all threads interleave

    def check(self, talk):
        for (size_bytes, _, _), kept in zip(SITES, self.kept):  # noqa: B905
            talk.check(all(sys.getsizeof(made) == size_bytes for made in kept))


def warm():
    """What an interpreter allocates for a function that is often called, it allocates now."""
    for _, site, _ in SITES:
        kept = [None]
        for _ in range(WARM_CALLS):
            site(kept, 0, 3)


def fork():
    child = os.fork()
    if child == 0:
        kept = [None]
        for _, site, _ in SITES:
            site(kept, 0, 3001)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main():
    talk = Talk()
    warm()
    workers = [Worker(number) for number in range(THREADS)]
    for worker in workers:
        worker.start()

    def work(forks=0):
        for worker in workers:
            worker.begin.release()
        for _ in range(forks):
            talk.check(fork() == 0)
        for worker in workers:
            worker.done.acquire()
            worker.check(talk)

    def prepare(scale):
        for worker in workers:
            worker.prepare(scale)

    def drop():
        for worker in workers:
            worker.kept = []

    talk.handlers.update(sites=describe, prepare=prepare, work=work, work_forking=work, drop=drop)
    talk.ready()
    while True:
        talk.serve()


if __name__ == "__main__":
    main()
