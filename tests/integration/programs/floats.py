"""A chaotic series of floats, checked to the last bit: a register not put back would show for ever."""

import math

from talk import Talk

talk = Talk()


def series():
    x, total, bits = 0.1, 0.0, []
    for i in range(4001):
        x = x * 3.9999 * (1 - x)
        total += math.sin(x) / (1 + i) + math.sqrt(x) * (i % 7) - float(i % 3) ** 0.5
        if i % 401 == 0:
            bits.append(total.hex())
    return [*bits, x.hex(), math.fsum(float.fromhex(each) for each in bits).hex()]


EXPECTED = series()
talk.ready()
while True:
    talk.check(series() == EXPECTED)
    talk.beat()
    if talk.is_asked():
        talk.serve()
