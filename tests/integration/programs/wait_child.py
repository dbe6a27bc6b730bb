"""The main thread waits for a child process, which ends when a command comes."""

import subprocess
import sys

from talk import Talk

talk = Talk()
CHILD = "import select, sys; select.select([int(sys.argv[1])], [], []); sys.exit(29)"


def child():
    command = [sys.executable, "-I", "-S", "-c", CHILD, str(talk.commands)]
    return subprocess.Popen(command, pass_fds=[talk.commands])


current = child()
talk.ready()
while True:
    talk.check(current.wait() == 29)
    talk.serve()
    current = child()
