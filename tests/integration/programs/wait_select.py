"""The main thread waits in select, without a limit."""

import select

from talk import Talk

talk = Talk()
talk.ready()
while True:
    talk.check(select.select([talk.commands], [], []) == ([talk.commands], [], []))
    talk.serve()
