"""The main thread waits in poll, without a limit."""

import select

from talk import Talk

talk = Talk()
poll = select.poll()
poll.register(talk.commands, select.POLLIN)
talk.ready()
while True:
    talk.check(poll.poll() == [(talk.commands, select.POLLIN)])
    talk.serve()
