"""Generators and coroutines that are begun, sent to, thrown into, closed and left half-way, without pause."""

from talk import Talk

talk = Talk()


class Stop(Exception):
    pass


def squares(count, told):
    try:
        for n in range(count):
            yield n * n
    finally:
        told.append(count)


def chained(count, told):
    yield from squares(count, told)
    yield -1


def averaging():
    total = count = 0
    while True:
        try:
            total += yield total
            count += 1
        except Stop:
            yield count


async def nothing():
    return 1


async def several(count):
    return sum([await nothing() for _ in range(count)])


def driven(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def one_round():
    told, half_way = [], []
    for count in range(2, 53):
        half_way.append(chained(count, told))
        next(half_way[-1])
    total = sum(sum(each) for each in half_way[:25])
    for each in half_way[25:]:
        each.close()
    mean = averaging()
    next(mean)
    for n in range(101):
        sent = mean.send(n)
    return total, sorted(told) == list(range(2, 53)), sent, mean.throw(Stop()), driven(several(41))


EXPECTED = (sum(sum(n * n for n in range(count)) - 1 for count in range(2, 27)), True, 5050, 101, 41)
talk.ready()
while True:
    talk.check(one_round() == EXPECTED)
    talk.beat()
    if talk.is_asked():
        talk.serve()
