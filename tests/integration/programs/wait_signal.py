"""The main thread waits in signal.pause(), which may return for a signal of ours only."""

import select
import signal
import threading

from talk import Talk

talk = Talk()
handled = [0]
served = threading.Semaphore(0)
main = threading.get_ident()


def handle(*_):
    handled[0] += 1


def doorman():
    while True:
        select.select([talk.commands], [], [])
        signal.pthread_kill(main, signal.SIGUSR1)
        while not served.acquire(timeout=0.05):  # one that came just before the pause wakes nobody
            signal.pthread_kill(main, signal.SIGUSR1)


signal.signal(signal.SIGUSR1, handle)
threading.Thread(target=doorman, daemon=True).start()
talk.ready()
while True:
    before = handled[0]
    signal.pause()
    talk.check(handled[0] > before)
    if talk.is_asked():
        talk.serve()
        served.release()
