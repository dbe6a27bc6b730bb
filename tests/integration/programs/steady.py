"""Allocates between two commands, and knows how much.

["go"]    works from now on
["halt"]  stops; answers what was allocated since: function, line, blocks, bytes
["drop"]  frees what stayed
["nap", SECONDS]  rests that long after each round, from now on: 0 at first
"""

import sys
import time

from talk import Talk

BYTE = b"x"
ROUND = 251
STAYS_EACH = 1009


def small(kept, slot, length):
    kept[slot] = BYTE * length


def middle(kept, slot, length):
    kept[slot] = BYTE * length


def large(kept, slot, length):
    kept[slot] = BYTE * length


SITES = ((small, 31), (middle, 503), (large, 20011))
talk = Talk()
at_work = [False]
rounds = [0]
rest_s = [0.0]
kept = [[None] * ROUND for _ in SITES]
stays = [[], [], []]


def go():
    at_work[0] = True
    rounds[0] = 0


def halt():
    at_work[0] = False
    return [
        {
            "function": function.__name__,
            "line": function.__code__.co_firstlineno + 1,
            "count": rounds[0] * ROUND,
            "bytes": rounds[0] * ROUND * sys.getsizeof(BYTE * length),
        }
        for at, (function, length) in enumerate(SITES)
    ]


def drop():
    for each in stays:
        each.clear()


def nap(seconds):
    rest_s[0] = seconds


def one_round():
    for at, (function, length) in enumerate(SITES):
        for slot in range(ROUND):
            function(kept[at], slot, length)
        if rounds[0] % STAYS_EACH == 0:
            stays[at].append(kept[at][0])


talk.handlers.update(go=go, halt=halt, drop=drop, nap=nap)
talk.ready()
while True:
    if at_work[0]:
        one_round()
        rounds[0] += 1
        talk.beat()
        if rest_s[0]:
            time.sleep(rest_s[0])
    if not at_work[0] or talk.is_asked():
        talk.serve()
