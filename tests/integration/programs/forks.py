"""Forks when asked: the child allocates on and tells how much it holds, the parent goes on as well."""

import os

from talk import Talk

talk = Talk()
kept = []


def in_the_child(count):
    for i in range(count):
        kept.append(bytes(3001 + i))


def in_the_parent(count):
    for i in range(count):
        kept.append(bytes(5003 + i))


def fork(count):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        in_the_child(count)
        os.write(writer, b"%d" % len(kept))
        os._exit(0)
    held = os.read(reader, 100)
    status = os.waitpid(child, 0)[1]
    os.close(reader)
    os.close(writer)
    in_the_parent(count)
    return [status, int(held)]


talk.handlers["fork"] = fork
talk.ready()
while True:
    talk.serve()
