"""The main thread waits in read on a pipe."""

from talk import Talk

talk = Talk()
talk.ready()
while True:
    talk.serve()
