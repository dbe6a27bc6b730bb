"""Holds the GIL in one call of C for as long as it is told; rests in a read otherwise.

["hold", HOW, SECONDS, WHERE]  answered first, then begun: HOW is regex (a hopeless one), sort (a big one) or
                               byte (a read that keeps the GIL, until somebody writes to the pipe whose number
                               is the answer), WHERE main or worker
["held"]                       how long the last one took, in seconds; wrong results are counted
"""

import ctypes
import math
import os
import random
import re
import threading
import time

from talk import Talk

HOPELESS = re.compile("a*a*a*c")
#: What is short is measured with much besides, and less of it where others want the processor.
MARGIN, TRIES = 1.3, 5

talk = Talk()
asked = []
took_s = [0.0]
reader, writer = os.pipe()
room = ctypes.create_string_buffer(1)
read = ctypes.PyDLL(None).read  # keeps the GIL
read(reader, room, 0)


def cpu_s(call):
    """The least of some times."""
    times = []
    for _ in range(TRIES):
        before = time.thread_time()
        call()
        times.append(time.thread_time() - before)
    return min(times)


def regex(seconds):
    """Its time grows with the cube of the length."""
    length = 300
    unit_s = cpu_s(lambda: HOPELESS.match("a" * length))
    text = "a" * math.ceil(length * (seconds * MARGIN / unit_s) ** (1 / 3))
    return lambda: HOPELESS.match(text) is None


def sort(seconds):
    """Each comparison goes through equal blocks that are not the same."""
    blocks = [bytes(100003) + b"%d" % n for n in (7, 7, 7, 7, 7, 7, 7)]
    dice = random.Random(7)

    def rows(count):
        return [(blocks[n % 7], dice.random()) for n in range(count)]

    sample = rows(2003)
    unit_s = cpu_s(lambda: sorted(sample)) / (2003 * math.log(2003))
    count = 2003
    while count * math.log(count) * unit_s < seconds * MARGIN:
        count = count * 11 // 10
    unsorted = rows(count)

    def call():
        unsorted.sort()
        return all(unsorted[n][1] <= unsorted[n + 1][1] for n in range(count - 1))

    return call


def byte(_):
    return lambda: read(reader, room, 1) == 1 and room.raw == b"x"


def hold(how, seconds, where):
    asked[:] = [{"regex": regex, "sort": sort, "byte": byte}[how](seconds), where]
    return writer


def timed(call):
    began = time.monotonic()
    talk.check(call())
    took_s[0] = time.monotonic() - began


def do(call, where):
    if where == "main":
        timed(call)
        return
    thread = threading.Thread(target=timed, args=(call,))
    thread.start()
    thread.join()


talk.handlers.update({"hold": hold, "held": lambda: took_s[0]})
talk.ready()
while True:
    talk.serve()
    if asked:
        do(*asked)
        asked.clear()
