"""Objects of thirty kinds and more, whose types are known (see ../README.md).

    by_hand.py [COUNT]       keeps COUNT (500) of each kind, and drops as many; prints what is what, a line of
                             JSON each, then waits for its standard input to end

{"kind": "slots", "type": "__main__.Slotted", "kept": [addresses], "dropped": count}
"""

import abc
import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import json
import operator
import pathlib
import random
import re
import sys
import threading
import types
import typing
import uuid
import weakref


class Plain:
    def __init__(self, at):
        self.at = at


class Empty:
    pass


class Slotted:
    __slots__ = ("at", "other")

    def __init__(self, at):
        self.at = at


class SlottedWithDict(Slotted):
    pass


class SlottedWithWeakref:
    __slots__ = ("__weakref__", "at")


class WithoutGC:
    __slots__ = ()


@dataclasses.dataclass
class Data:
    at: int
    text: str = "t"


@dataclasses.dataclass(frozen=True)
class Frozen:
    at: int


class Meta(type):
    def __call__(cls, *arguments):
        return super().__call__(*arguments)


class OfMeta(metaclass=Meta):
    def __init__(self, at):
        self.at = at


class Abstract(abc.ABC):
    @abc.abstractmethod
    def do(self):
        """Nothing."""


class Concrete(Abstract):
    def __init__(self, at):
        self.at = at

    def do(self):
        return self.at


class OfInt(int):
    pass


class OfStr(str):
    pass


class OfBytes(bytes):
    pass


class OfTuple(tuple):
    __slots__ = ()


class OfList(list):
    pass


class OfDict(dict):
    pass


class OfFloat(float):
    pass


class Failure(Exception):
    pass


class Outer:
    class Inner:
        def __init__(self, at):
            self.at = at


T = typing.TypeVar("T")


class Generic(typing.Generic[T]):
    def __init__(self, at):
        self.at = at


class Typed(typing.NamedTuple):
    at: int
    text: str


class WithNew:
    def __new__(cls, at):
        found = super().__new__(cls)
        found.at = at
        return found


class WithDel:
    def __init__(self, at):
        self.at = at

    def __del__(self):
        pass


Pair = collections.namedtuple("Pair", "left right")


def local_class():
    class Local:
        def __init__(self, at):
            self.at = at

    return Local


Local = local_class()
Dynamic = type("Dynamic", (), {"__init__": lambda self, at: setattr(self, "at", at)})


def generator(at):
    yield at


async def coroutine(at):
    return at


def closure(at):
    def inner():
        return at

    return inner


def made_coroutine(at):
    found = coroutine(at)
    found.close()  # nobody awaits it, and nobody is told so
    return found


#: What makes one of the kind out of a number that is new each time.
KINDS = {
    "plain": Plain,
    "empty": lambda at: Empty(),
    "slots": Slotted,
    "slots_and_dict": SlottedWithDict,
    "slots_and_weakref": lambda at: SlottedWithWeakref(),
    "without_gc": lambda at: WithoutGC(),
    "dataclass": Data,
    "frozen_dataclass": Frozen,
    "metaclass": OfMeta,
    "abc": Concrete,
    "of_int": OfInt,
    "of_str": lambda at: OfStr(at),
    "of_bytes": lambda at: OfBytes(b"%d" % at),
    "of_tuple": lambda at: OfTuple((at, at)),
    "of_list": lambda at: OfList([at]),
    "of_dict": lambda at: OfDict(at=at),
    "of_float": OfFloat,
    "exception": Failure,
    "nested": Outer.Inner,
    "generic": Generic,
    "typed_tuple": lambda at: Typed(at, "t"),
    "with_new": WithNew,
    "with_del": WithDel,
    "named_tuple": lambda at: Pair(at, at),
    "local": Local,
    "dynamic": Dynamic,
    "int": lambda at: at + (1 << 70),
    "float": lambda at: at + 0.5,
    "complex": lambda at: complex(at, 1),
    "str": lambda at: f"text {at}",
    "str_not_ascii": lambda at: f"täxt {at}",
    "bytes": lambda at: b"bytes %d" % at,
    "bytearray": lambda at: bytearray(b"%d" % at),
    "tuple": lambda at: (at, at + 1),
    "list": lambda at: [at],
    "dict": lambda at: {"at": at},
    "set": lambda at: {at},
    "frozenset": lambda at: frozenset((at, -at)),
    "range": lambda at: range(at, at + 5),
    "slice": lambda at: slice(at, at + 5),
    "memoryview": lambda at: memoryview(b"abc")[: at % 3],
    "function": closure,
    "lambda": lambda at: lambda: at,
    "method": lambda at: Plain(at).__init__,
    "builtin_method": lambda at: [at].append,
    "generator": generator,
    "coroutine": made_coroutine,
    "cell": lambda at: closure(at).__closure__[0],
    "partial": lambda at: functools.partial(print, at),
    "property": lambda at: property(lambda self: at),
    "weakref": lambda at: weakref.ref(Plain, lambda _: at),
    "deque": lambda at: collections.deque([at]),
    "default_dict": lambda at: collections.defaultdict(list, at=at),
    "ordered_dict": lambda at: collections.OrderedDict(at=at),
    "counter": lambda at: collections.Counter([at]),
    "array": lambda at: array.array("q", [at]),
    "datetime": lambda at: datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=at),
    "timedelta": lambda at: datetime.timedelta(seconds=at),
    "decimal": lambda at: decimal.Decimal(at),
    "fraction": lambda at: fractions.Fraction(at, 7),
    "uuid": lambda at: uuid.UUID(int=at),
    "path": lambda at: pathlib.PurePosixPath(f"/tmp/{at}"),
    "match": lambda at: re.match(r"\d+", f"{at}"),
    "bytes_io": lambda at: io.BytesIO(b"%d" % at),
    "string_io": lambda at: io.StringIO(f"{at}"),
    "count": lambda at: itertools.count(at),
    "chain": lambda at: itertools.chain([at]),
    "item_getter": lambda at: operator.itemgetter(at),
    "lock": lambda at: threading.Lock(),
    "namespace": lambda at: types.SimpleNamespace(at=at),
    "simple_enum_member": lambda at: enum.Enum(f"Enum{at % 5}", "a b").a,
    "random": lambda at: random.Random(at),
    "decoder": lambda at: json.JSONDecoder(),
}
FEW = {"simple_enum_member": 20, "property": 200, "random": 100}


def type_text(found):
    return f"{type(found).__module__}.{type(found).__qualname__}"


def main(kinds, count):
    """Of a program made by the grammar, too."""
    everything, told = [], []
    numbers = itertools.count(100_000)
    for kind, make in kinds.items():
        here = min(count, FEW.get(kind, count))
        kept = [make(next(numbers)) for _ in range(here)]
        for _ in range(here):
            make(next(numbers))
        everything.append(kept)
        addresses = sorted({id(one) for one in kept})
        told.append({"kind": kind, "type": type_text(kept[0]), "kept": addresses, "dropped": here})
    for line in told:
        print(json.dumps(line))
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(KINDS, int(sys.argv[1]) if len(sys.argv) > 1 else 500)
