"""A numeric loop in pure Python: bodies that pull at each other."""

import itertools
import random

import pace

dice = random.Random(0)


class Body:
    __slots__ = ("mass", "place", "speed")

    def __init__(self):
        self.place = [dice.uniform(-5, 5) for _ in range(3)]
        self.speed = [dice.uniform(-0.1, 0.1) for _ in range(3)]
        self.mass = dice.uniform(0.01, 1)


BODIES = [Body() for _ in range(5)]
PAIRS = [(a.place, a.speed, a.mass, b.place, b.speed, b.mass) for a, b in itertools.combinations(BODIES, 2)]
STEP = 0.001


def advance(number):
    for place_a, speed_a, mass_a, place_b, speed_b, mass_b in PAIRS:
        x, y, z = place_a[0] - place_b[0], place_a[1] - place_b[1], place_a[2] - place_b[2]
        pull = STEP * (x * x + y * y + z * z + 0.01) ** -1.5
        pull_a, pull_b = mass_b * pull, mass_a * pull
        speed_a[0] -= x * pull_a
        speed_a[1] -= y * pull_a
        speed_a[2] -= z * pull_a
        speed_b[0] += x * pull_b
        speed_b[1] += y * pull_b
        speed_b[2] += z * pull_b
    for body in BODIES:
        for axis in range(3):
            body.place[axis] += STEP * body.speed[axis]


pace.run(advance, 1500)
