"""Three threads that allocate and free without pause, in all sizes, and check what they made."""

import threading

from talk import Talk

talk = Talk()
SIZES = (1, 17, 101, 499, 521, 4099, 65537)
ending = threading.Event()


def storm(seed):
    kept = [None] * 257
    for n in range(1 << 60):
        size = SIZES[(n + seed) % len(SIZES)]
        slot = (n * 31 + seed) % 257
        old, kept[slot] = kept[slot], (size, [bytes(size), {"n": n}, str(n) * 3])
        if old is not None and len(old[1][0]) != old[0]:
            talk.wrong("block")
        if n % 1013 == 0:
            if ending.is_set():
                return
            if seed == 0:
                talk.beat()
                if talk.is_asked():
                    talk.serve()


threads = [threading.Thread(target=storm, args=(n,), daemon=True) for n in (1, 2)]
for thread in threads:
    thread.start()
talk.ready()
try:
    storm(0)
finally:
    ending.set()
    for thread in threads:
        thread.join()
