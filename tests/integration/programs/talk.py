"""How a sample program speaks with its test (standard library only, Python 3.9 and later).

    program.py IN OUT PULSE [ARGUMENTS]

IN and OUT are descriptors of pipes, PULSE one of a shared page: beats, errors, longest gap in nanoseconds.
A command is a line of JSON, ["square", 7]; each gets one line of JSON as its answer. After ["rest"] nothing
is done until the next one.
"""

import json
import mmap
import os
import select
import signal
import struct
import sys
import threading

SLOT = struct.Struct("<Q")


class Talk:
    def __init__(self):
        self.commands, self.answers, pulse = (int(text) for text in sys.argv[1:4])
        self.page = mmap.mmap(pulse, mmap.PAGESIZE)
        os.close(pulse)
        self.handlers = {"square": lambda number: number * number, "state": state, "quit": lambda: "bye"}
        self.handlers["rest"] = self.rest_now
        self.is_resting = False
        self.rest = b""

    def ready(self, value="ready"):
        self.answer(value)

    def answer(self, value):
        os.write(self.answers, (json.dumps(value) + "\n").encode())

    def beat(self):
        """One round done. Each slot has one writer: the thread that beats."""
        SLOT.pack_into(self.page, 0, SLOT.unpack_from(self.page, 0)[0] + 1)

    def wrong(self, what=""):
        """A result was wrong."""
        SLOT.pack_into(self.page, 8, SLOT.unpack_from(self.page, 8)[0] + 1)
        SLOT.pack_into(self.page, 64, hash(what) & 0xFFFF)

    def check(self, right):
        if not right:
            self.wrong()

    def gap(self, gap_ns):
        if gap_ns > SLOT.unpack_from(self.page, 16)[0]:
            SLOT.pack_into(self.page, 16, gap_ns)

    def is_asked(self):
        """Whether a command waits; does not block."""
        return bool(select.select([self.commands], [], [], 0)[0])

    def serve(self):
        """Reads what has come (blocks if nothing has) and answers each whole line. Counts as a beat."""
        piece = os.read(self.commands, 65536)
        if not piece:
            os._exit(3)  # the test is gone
        self.rest += piece
        while b"\n" in self.rest:
            line, self.rest = self.rest.split(b"\n", 1)
            self.obey(line)

    def obey(self, line):
        command, *arguments = json.loads(line)
        answer = self.handlers[command](*arguments)
        self.beat()
        self.answer(answer)
        if command == "quit":
            self.leave()
        if self.is_resting:
            self.is_resting = False
            self.serve()

    def rest_now(self):
        """Does nothing more until the next command; whoever asks may look at a program between two rounds."""
        self.is_resting = True
        return "resting"

    def leave(self):
        """The whole way out: finalisation, exit handlers, buffers."""
        raise SystemExit(0)


def state():
    """What can be told from inside only: names and hooks that somebody else could have changed."""
    return {
        "modules": sorted(sys.modules),
        "main_names": sorted(vars(sys.modules["__main__"])),
        "builtins": len(vars(sys.modules["builtins"])),
        "handlers": [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "trace": repr(sys.gettrace()),
        "profile": repr(sys.getprofile()),
        "switch_interval": sys.getswitchinterval(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }
