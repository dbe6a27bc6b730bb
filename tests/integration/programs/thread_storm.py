"""Starts threads and waits for their end, without pause; each computes something that is checked."""

import threading

from talk import Talk

THREADS = 7
talk = Talk()


def work(number, results):
    kept = [bytes(i * 37 % 1021) for i in range(97)]
    results.append(number * number + sum(map(len, kept)))


SIZE = sum(i * 37 % 1021 for i in range(97))
EXPECTED = sorted(n * n + SIZE for n in range(THREADS))
talk.ready()
while True:
    results = []
    threads = [threading.Thread(target=work, args=(n, results)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    talk.check(sorted(results) == EXPECTED)
    talk.beat()
    if talk.is_asked():
        del threads, thread, results
        talk.serve()
