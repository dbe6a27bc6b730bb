"""Pure calls: functions, methods, closures and generators that make next to no objects."""

import pace


def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


class Counter:
    def __init__(self):
        self.value = 0

    def step(self):
        self.value = (self.value + 1) % 199
        return self.value


def adding(amount):
    def add(value):
        return (value + amount) % 197

    return add


def pairs(counter, add):
    for _ in range(151):
        yield add(counter.step())


counter, add = Counter(), adding(3)


def call(number):
    return fibonacci(13) + sum(pairs(counter, add))


pace.run(call, 250)
