"""The main thread waits for a thread to end, which it does when a command comes."""

import select
import threading

from talk import Talk

talk = Talk()
ended = []


def visitor():
    select.select([talk.commands], [], [])
    ended.append(threading.get_ident())


talk.ready()
while True:
    thread = threading.Thread(target=visitor, name="visitor", daemon=True)
    thread.start()
    thread.join()
    talk.check(ended.pop() == thread.ident and not ended)
    talk.serve()
