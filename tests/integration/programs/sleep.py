"""The main thread sleeps; no sleep may end early."""

import time

from talk import Talk

talk = Talk()
talk.ready()
while True:
    before = time.monotonic()
    time.sleep(0.25)
    talk.check(time.monotonic() - before >= 0.249)
    talk.beat()
    if talk.is_asked():
        talk.serve()
