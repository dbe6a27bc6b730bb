"""A hundred sites whose blocks go somewhere; where, stands on each line (see ../README.md).

    by_hand.py      runs them all once, and keeps what they keep
"""

import asyncio
import collections
import contextlib
import functools

everything = []  # so that nothing goes before it was seen


# --- plain names ------------------------------------------------------------------------


def plain():
    kept = bytes(5003)  #: 5003 kept
    other = bytearray(5009)  #: 5009 other
    text = "x" * 5011  #: 5011 text
    annotated: bytes = bytes(5021)  #: 5021 annotated
    first = second = bytes(5023)  #: 5023 first
    in_parentheses = (
        bytes(5039)  #: 5039 in_parentheses
    )
    everything.append((kept, other, text, annotated, first, second, in_parentheses))


MODULE_LEVEL = bytes(5051)  #: 5051 MODULE_LEVEL


def to_global():
    global module_name
    module_name = bytes(5059)  #: 5059 module_name


def to_nonlocal():
    counter = None

    def inner():
        nonlocal counter
        counter = bytes(5077)  #: 5077 counter

    inner()
    everything.append(counter)


class InClassBody:
    table = bytes(5081)  #: 5081 table

    def method(self):
        local = bytes(5087)  #: 5087 local
        return local


def results_of_methods():
    joined = b"".join([b"a"] * 5099)  #: 5099 joined
    encoded = ("y" * 7001).encode("utf-16-le")  #: 7001 -; 14002 encoded
    padded = (b"z" * 7013).center(7015)  #: 7013 -; 7015 padded
    part = (b"w" * 9001)[:7019]  #: 9001 -; 7019 part
    formatted = "%07027d" % 5  #: 7027 formatted
    literal = f"{'q':>7039}"  #: 7039 literal
    everything.append((joined, encoded, padded, part, formatted, literal))


def operators():
    summed = bytes(5101) + b"1"  #: 5101 -; 5102 summed
    repeated = b"r" * 5107  #: 5107 repeated
    grown = b"g"
    grown += bytes(5113)  #: 5113 -; 5114 grown
    passed_on = bytes(5119) or None  #: 5119 passed_on
    chosen = bytes(5147) if grown else None  #: 5147 chosen
    both = grown and bytes(5153)  #: 5153 both
    length = len(bytes(5167))  #: 5167 len()
    empty = not bytes(5171)  #: 5171 -
    same = bytes(5179) == grown  #: 5179 -
    everything.append((summed, repeated, grown, passed_on, chosen, both, length, empty, same))


# --- attributes and items ------------------------------------------------------------------------


class Box:
    def __init__(self):
        self.payload = bytes(5189)  #: 5189 self.payload
        self.inner = None

    @property
    def through(self):
        return self._through

    @through.setter
    def through(self, value):
        self._through = value

    def fill(self):
        self.items = [bytes(5197)]  #: 5197 self.items[]
        self.through = bytes(5209)  #: 5209 self.through


class Slotted:
    __slots__ = ("body",)

    def __init__(self):
        self.body = bytearray(5227)  #: 5227 self.body


def attributes():
    box = Box()
    box.fill()
    box.inner = Box()
    box.inner.extra = bytes(5231)  #: 5231 box.inner.extra
    Box.shared = bytes(5233)  #: 5233 Box.shared
    setattr(box, "by_call", bytes(5237))  #: 5237 setattr()
    everything.append((box, Slotted()))


def items():
    table, grid, key, i, j = {}, [[None, None]], "some", 0, 1
    table["key"] = bytes(5261)  #: 5261 table['key']
    table[key] = bytes(5273)  #: 5273 table[key]
    table[key, i] = bytes(5279)  #: 5279 table[key, i]
    grid[i][j] = bytes(5281)  #: 5281 grid[i][j]
    grid[0][-2] = bytes(5297)  #: 5297 grid[0][-2]
    table.setdefault("other", bytes(5303))  #: 5303 table.setdefault()
    table["key"] += bytes(5309)  #: 5309 -; 10570 table['key']
    grid[0:0] = [bytes(5323)]  #: 5323 grid[0:0][]
    everything.append((table, grid))


# --- displays and comprehensions ------------------------------------------------------------------------


def displays():
    pair = [bytes(5333), bytes(5347)]  #: 5333 pair[]; 5347 pair[]
    config = {"a": bytes(5351), "b": 1}  #: 5351 config[]
    unique = {bytes(5381), b"short"}  #: 5381 unique[]
    fixed = (bytes(5387), 1)  #: 5387 fixed[]
    nested = {"list": [bytes(5393)]}  #: 5393 nested[][]
    over_lines = [
        bytes(5399),  #: 5399 over_lines[]
        {
            "deep": bytes(5407),  #: 5407 over_lines[][]
        },
    ]
    everything.append((pair, config, unique, fixed, nested, over_lines))


def comprehensions():
    rows = [bytes(5413 + at) for at in range(1)]  #: 5413 rows[]
    by_number = {at: bytes(5417 + at) for at in range(1)}  #: 5417 by_number[]
    different = {bytes(5419 + at) for at in range(1)}  #: 5419 different[]
    drawn = list(bytes(5431 + at) for at in range(1))  #: 5431 list()
    filtered = [found for at in range(1) if (found := bytes(5437 + at))]  #: 5437 found
    matrix = [[bytes(5441 + at) for at in range(1)] for _ in range(1)]  #: 5441 matrix[][]
    mapped = list(map(bytes, [5443]))  #: 5443 mapped[]
    everything.append((rows, by_number, different, drawn, filtered, matrix, mapped))


# --- arguments ------------------------------------------------------------------------


def take(*values, **named):
    everything.append((values, named))


def arguments():
    rows, waiting, listing = [], collections.deque(), {}
    rows.append(bytes(5449))  #: 5449 rows.append()
    waiting.appendleft(bytes(5471))  #: 5471 waiting.appendleft()
    listing.update(blob=bytes(5477))  #: 5477 listing.update(blob)
    take(bytes(5479))  #: 5479 take()
    take(1, blob=bytes(5483))  #: 5483 take(blob)
    take(*[bytes(5501)])  #: 5501 take()
    rows.extend([bytes(5503)])  #: 5503 rows.extend()
    kept = functools.partial(take, bytes(5507))  #: 5507 functools.partial()
    take(take(bytes(5519)))  #: 5519 take()
    everything.append(bytes(5521))  #: 5521 everything.append()
    rows.append((1, bytes(5527)))  #: 5527 rows.append()
    take(
        "over",
        "lines",
        bytes(5531),  #: 5531 take()
    )
    take(rows, waiting, listing, kept)


# --- unpacking ------------------------------------------------------------------------


def unpacking():
    first, second = bytes(5557), bytes(5563)  #: 5557 first; 5563 second
    (left, right), far = (bytes(5569), bytes(5573)), bytes(5581)  #: 5569 left; 5573 right; 5581 far
    head, *rest = bytes(5591), bytes(5623), bytes(5639)  #: 5591 head; 5623 rest[]; 5639 rest[]
    box = Box()
    box.payload, box.inner = bytes(5641), bytes(5647)  #: 5641 box.payload; 5647 box.inner
    [one, two] = [bytes(5651), bytes(5653)]  #: 5651 one; 5653 two
    everything.append((first, second, left, right, far, head, rest, box, one, two))


# --- walrus ------------------------------------------------------------------------


def walrus():
    if chunk := bytes(5657):  #: 5657 chunk
        everything.append(chunk)
    while (line := bytearray(5659)) and len(everything) < 0:  #: 5659 line
        everything.append(line)
    take(argument := bytes(5669))  #: 5669 argument
    outer = (inner := bytes(5683))  #: 5683 inner
    everything.append((line, argument, outer, inner))


# --- return, yield, await ------------------------------------------------------------------------


def made(length):
    return bytes(length)  #: 5689 came; 5693 self.got; 5701 ways['home']; 5711 take(); 5717 -; 5737 far_up


def made_in_two_steps(length):
    return made(length)


def pair_of(length):
    return bytes(length), bytes(length + 2)  #: 5741 here; 5743 there


class Getter:
    def __init__(self):
        self.got = made(5693)


def returned():
    came = made(5689)
    ways = {}
    ways["home"] = made(5701)
    take(made(5711))
    made(5717)
    far_up = made_in_two_steps(5737)
    here, there = pair_of(5741)
    by_lambda = (lambda: bytes(5749))()  #: 5749 by_lambda
    everything.append((came, Getter(), ways, far_up, here, there, by_lambda))


def pieces():
    yield bytes(5779)  #: 5779 piece


def entries():
    yield "key", bytes(5783)  #: 5783 value


def single():
    yield bytes(5791)  #: 5791 drawn_once


def loops():
    for piece in pieces():
        everything.append(piece)
    for key, value in entries():
        everything.append((key, value))
    for element in [bytes(5801)]:  #: 5801 element
        everything.append(element)
    drawn_once = next(single())
    for number, of_list in enumerate([bytes(5807)]):  #: 5807 enumerate()
        everything.append((number, of_list))
    everything.append(drawn_once)


# --- with ------------------------------------------------------------------------


@contextlib.contextmanager
def lent(length):
    yield bytes(length)  #: 5813 borrowed


class Open:
    def __enter__(self):
        return bytes(5821)  #: 5821 opened

    def __exit__(self, *_):
        return None


def withs():
    with lent(5813) as borrowed:
        everything.append(borrowed)
    with Open() as opened:
        everything.append(opened)
    with contextlib.closing(Closable(bytes(5827))) as closable:  #: 5827 Closable()
        everything.append(closable)


class Closable:
    def __init__(self, body):
        self.body = body

    def close(self):
        pass


# --- asyncio ------------------------------------------------------------------------


async def fetched(length):
    await asyncio.sleep(0)
    return bytes(length)  #: 5839 answer; 5843 self_less.answer


async def produced():
    yield bytes(5849)  #: 5849 item


async def coroutines():
    answer = await fetched(5839)
    self_less = Box()
    self_less.answer = await fetched(5843)
    async for item in produced():
        everything.append(item)
    passed = await asyncio.sleep(0, bytes(5851))  #: 5851 asyncio.sleep()
    everything.append((answer, self_less, passed))


# --- errors ------------------------------------------------------------------------


def errors():
    try:
        raise ValueError(bytes(5857))  #: 5857 ValueError()
    except ValueError as error:
        caught = bytes(5861)  #: 5861 caught
        everything.append((error, caught))
    finally:
        at_last = bytes(5867)  #: 5867 at_last
    bytes(5869)  #: 5869 -
    everything.append(at_last)


def run():
    plain()
    to_global()
    to_nonlocal()
    everything.append(InClassBody().method())
    results_of_methods()
    operators()
    attributes()
    items()
    displays()
    comprehensions()
    arguments()
    unpacking()
    walrus()
    returned()
    loops()
    withs()
    asyncio.run(coroutines())
    errors()


if __name__ == "__main__":
    run()
