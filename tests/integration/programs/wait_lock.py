"""The main thread waits for a lock that another thread lets go of when a command comes."""

import select
import threading

from talk import Talk

talk = Talk()
gate, served = threading.Lock(), threading.Lock()
gate.acquire()
served.acquire()


def doorman():
    while True:
        select.select([talk.commands], [], [])
        gate.release()
        served.acquire()


threading.Thread(target=doorman, daemon=True).start()
talk.ready()
while True:
    talk.check(gate.acquire() is True)
    talk.serve()
    served.release()
