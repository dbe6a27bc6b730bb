"""Fifty threads that compute a little and wait a little; the main thread waits for commands."""

import hashlib
import threading
import time

from talk import Talk

talk = Talk()
ending = threading.Event()
EXPECTED = hashlib.sha256(b"x" * 1009).hexdigest()


def work(number):
    while not ending.is_set():
        talk.check(hashlib.sha256(b"x" * 1009).hexdigest() == EXPECTED)
        if number == 0:
            talk.beat()
        time.sleep(0.02)


threads = [threading.Thread(target=work, args=(n,), name=f"worker-{n}") for n in range(50)]
for thread in threads:
    thread.start()
talk.ready()
try:
    while True:
        talk.serve()
finally:
    ending.set()
    for thread in threads:
        thread.join()
