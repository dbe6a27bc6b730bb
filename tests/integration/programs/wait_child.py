"""The main thread waits for a child process, which ends when a command comes."""

import select
import subprocess
import sys
import threading

from talk import Talk

talk = Talk()
served = threading.Semaphore(0)
CHILD = "import sys; sys.stdin.read(); sys.exit(29)"


def child():
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", CHILD], stdin=subprocess.PIPE)


def doorman():
    while True:
        select.select([talk.commands], [], [])
        current.stdin.close()
        served.acquire()


current = child()
threading.Thread(target=doorman, daemon=True).start()
talk.ready()
while True:
    talk.check(current.wait() == 29)
    current = child()
    talk.serve()
    served.release()
