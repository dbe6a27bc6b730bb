"""A program whose queue of pending calls is full, or hammered by threads that Python knows nothing of.

    pending.py IN OUT PULSE LIBRARY HOW

LIBRARY: pending.c, compiled. HOW: "full": the main thread waits for commands, so that nobody empties the
queue, and another thread sees to it that it is full; "hammered": two threads put calls into it without the
GIL, the main thread works. Each call that was accepted must run, once. Commands besides those of talk.py:

["full"]   how often the queue was found full
["rest"]   stops all that, lets what is queued run; [accepted, ran]
"""

import ctypes
import sys
import threading
import time

from talk import Talk

HAMMERS = 2

talk = Talk()
library = ctypes.PyDLL(sys.argv[4])
for name in ("fill", "accepted_count", "refused_count", "ran_count"):
    getattr(library, name).restype = ctypes.c_long
over = threading.Event()


def keep_full():
    while not over.is_set():
        library.fill()
        time.sleep(0.001)


def rest():
    over.set()
    library.stop_hammering()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        accepted = library.accepted_count()
        time.sleep(0.02)
        if accepted == library.accepted_count() == library.ran_count():
            break
    return [library.accepted_count(), library.ran_count()]


def work():
    return sum(len(bytes(i % 997)) for i in range(2000))


RIGHT = work()

talk.handlers["full"] = library.refused_count
talk.handlers["rest"] = rest
if sys.argv[5] == "full":
    threading.Thread(target=keep_full, daemon=True).start()
    while not library.refused_count():
        time.sleep(0.001)
    talk.ready()
    while True:
        talk.serve()
for _ in range(HAMMERS):
    library.start_hammering()
talk.ready()
while True:
    talk.check(work() == RIGHT)
    talk.beat()
    if talk.is_asked():
        talk.serve()
