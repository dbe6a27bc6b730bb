"""A thousand signals a second, with a Python handler; not one may get lost.

A process of its own sends a real-time signal each millisecond and counts what it has sent: those the kernel
queues one by one, so the wakeup descriptor must tell of each. Before a command is answered the sender pauses,
and what came is held against what was sent.
"""

import mmap
import os
import signal
import struct
import time

from talk import Talk

SIGNAL = signal.SIGRTMIN + 3
SENT, PAUSE, PAUSED = 0, 8, 16
SLOT = struct.Struct("<Q")
DEADLINE_S = 20.0

talk = Talk()
shared = mmap.mmap(-1, mmap.PAGESIZE)
came = [0]
handled = [0]
compared = [0, 0]


def look(slot):
    return SLOT.unpack_from(shared, slot)[0]


def put(slot, value):
    SLOT.pack_into(shared, slot, value)


def send(parent):
    while os.getppid() == parent:
        if look(PAUSE):
            put(PAUSED, look(PAUSE))
        else:
            os.kill(parent, SIGNAL)
            put(SENT, look(SENT) + 1)
        time.sleep(0.001)
    os._exit(0)


def handle(*_):
    handled[0] += 1


def drain():
    try:
        piece = os.read(reader, 65536)
    except BlockingIOError:
        return
    came[0] += piece.count(SIGNAL)


def until(condition):
    ends = time.monotonic() + DEADLINE_S
    while not condition():
        drain()
        if time.monotonic() > ends:
            return False
    return True


def compare():
    """With the sender at rest: each that was sent has come, and the handler has run for the last ones."""
    number, sent, ran = look(PAUSED) + 1, *compared
    put(PAUSE, number)
    talk.check(until(lambda: look(PAUSED) == number) and until(lambda: came[0] >= look(SENT)))
    talk.check(came[0] == look(SENT) and (handled[0] > ran or came[0] == sent))
    compared[:] = came[0], handled[0]


def leave():
    os.kill(sender, signal.SIGKILL)
    os.waitpid(sender, 0)
    raise SystemExit(0)


reader, writer = os.pipe()
for descriptor in (reader, writer):
    os.set_blocking(descriptor, False)
talk.leave = leave
talk.handlers["signals"] = lambda: [look(SENT), came[0], handled[0]]
me = os.getpid()
signal.signal(SIGNAL, handle)
signal.set_wakeup_fd(writer)
sender = os.fork()
if sender == 0:
    signal.signal(SIGNAL, signal.SIG_DFL)
    send(me)
until(lambda: handled[0] > 10)
talk.ready()
while True:
    drain()
    [object() for _ in range(101)]
    talk.beat()
    if talk.is_asked():
        compare()
        talk.serve()
        put(PAUSE, 0)
