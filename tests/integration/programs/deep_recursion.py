"""Dives to near its recursion limit and comes up, without pause; commands are answered at the bottom."""

import sys

from talk import Talk

HEADROOM_FRAMES = 100
DEPTH = sys.getrecursionlimit() - HEADROOM_FRAMES

talk = Talk()


def dive(left):
    if left:
        return left * left + dive(left - 1)
    talk.beat()
    if talk.is_asked():
        talk.serve()
    return 0


EXPECTED = DEPTH * (DEPTH + 1) * (2 * DEPTH + 1) // 6
talk.ready()
while True:
    talk.check(dive(DEPTH) == EXPECTED)
