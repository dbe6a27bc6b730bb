"""The main thread waits in epoll_wait, without a limit."""

import select

from talk import Talk

talk = Talk()
epoll = select.epoll()
epoll.register(talk.commands, select.EPOLLIN)
talk.ready()
while True:
    talk.check(epoll.poll() == [(talk.commands, select.EPOLLIN)])
    talk.serve()
