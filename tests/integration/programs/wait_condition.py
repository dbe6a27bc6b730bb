"""The main thread waits for a condition, with a limit that it never reaches."""

import select
import threading

from talk import Talk

talk = Talk()
condition = threading.Condition()
waiting = [0]
served = threading.Semaphore(0)


def doorman():
    while True:
        select.select([talk.commands], [], [])
        with condition:
            waiting[0] += 1
            condition.notify()
        served.acquire()


threading.Thread(target=doorman, daemon=True).start()
talk.ready()
while True:
    with condition:
        talk.check(condition.wait_for(lambda: waiting[0], timeout=3600) == 1)
        waiting[0] = 0
    talk.serve()
    served.release()
