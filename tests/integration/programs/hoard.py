"""A program that keeps what it allocates, block by block, for as long as it is told to or is let.

    hoard.py IN OUT PULSE

["keep", N, BYTES]  keeps N more blocks of so many bytes, each written to; how many it has now
["hoard", BYTES]    answers, then keeps blocks of so many bytes without end
["drop"]            lets all go
"""

from talk import Talk

talk = Talk()
kept = []
hoarding = []


def keep_one(size):
    kept.append(b"\x01" * size)


def keep(count, size):
    for _ in range(count):
        keep_one(size)
    return len(kept)


talk.handlers.update(keep=keep, hoard=hoarding.append, drop=kept.clear)
talk.ready()
while True:
    if not hoarding or talk.is_asked():
        talk.serve()
    else:
        keep_one(hoarding[0])
        talk.beat()
