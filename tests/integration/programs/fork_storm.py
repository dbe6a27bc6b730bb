"""Forks without pause: each child allocates, computes and checks, and must end with 0.

From 3.12 on ``os.fork`` warns where the kernel counts more than one thread, as it does during an attach
(docs/failure-modes.md). That warning is left out here, so that any other difference shows.
"""

import os
import warnings

from talk import Talk

CHILDREN = 3
talk = Talk()
__warningregistry__ = {}  # made by the first warning, even one that is not shown
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)


def work(n):
    kept = [bytes(i * 31 % 4099) for i in range(n)]
    return sum(map(len, kept)) + sum(len(str(i) * 3) for i in range(n))


EXPECTED = work(199)


def child():
    status = 1
    try:
        status = 0 if work(199) == EXPECTED else 1
    finally:
        os._exit(status)


talk.ready()
while True:
    pids = []
    for _ in range(CHILDREN):
        pids.append(os.fork())
        if pids[-1] == 0:
            child()
    for pid in pids:
        talk.check(os.waitpid(pid, 0)[1] == 0)
    talk.check(work(199) == EXPECTED)
    talk.beat()
    if talk.is_asked():
        talk.serve()
