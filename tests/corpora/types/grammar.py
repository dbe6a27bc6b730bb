"""Programs that make objects of classes that a grammar thought of (see ../README.md).

    grammar.py SEED [COUNT]      prints a program with so many kinds (40); it finds by_hand.py on its path,
                                 and is run as that is

A class is a list of bases, slots or none, a metaclass or none, a decorator or none, and a place where it is
defined; what the program says of its objects' types is what Python itself says of them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

COUNT = 40
WORDS = ("Order", "User", "Node", "Page", "Event", "Token", "Frame", "Job", "Edge", "Row")
BUILT_IN = {
    "int": "at",
    "float": "at",
    "str": "at",
    "bytes": "b'%d' % at",
    "list": "[at]",
    "tuple": "(at, at)",
    "dict": "{'at': at}",
    "set": "{at}",
    "frozenset": "{at}",
    "bytearray": "b'%d' % at",
    "collections.deque": "[at]",
    "collections.OrderedDict": "{'at': at}",
    "Exception": "at",
    "threading.local": "",
    "io.BytesIO": "b'%d' % at",
    "datetime.timedelta": "at % 1000",
    "decimal.Decimal": "at",
}
#: Objects that no class of the program's makes.
PLAIN = (
    "[at, {0}]",
    "({0}, at)",
    "{{at: {0}}}",
    "{{at, {0}}}",
    "bytes({0}) + b'%d' % at",
    "bytearray({0})",
    "'t' * {0} + str(at)",
    "array.array('d', [at] * {0})",
    "collections.deque([at], {0})",
    "(lambda: at + {0})",
    "(one for one in (at, {0}))",
    "functools.partial(max, at, {0})",
    "memoryview(bytearray({0}))",
    "itertools.repeat(at, {0})",
    "fractions.Fraction(at, {0})",
    "types.SimpleNamespace(at=at, more={0})",
    "re.finditer('{0}', str(at))",
    "numbers_of(at)[{0}:]",
)

PROLOGUE = '''\
"""Made by a grammar. Prints what is what, a line of JSON each, then waits for its standard input to end."""

import abc
import array
import collections
import dataclasses
import datetime
import decimal
import fractions
import functools
import io
import itertools
import re
import sys
import threading
import types
import typing

from by_hand import main


class Meta(type):
    pass


class MetaOfAbc(abc.ABCMeta):
    pass


T = typing.TypeVar("T")


def numbers_of(at):
    return [at] * 1000


'''

EPILOGUE = """

if __name__ == "__main__":
    main(KINDS, int(sys.argv[1]) if len(sys.argv) > 1 else 500)
"""


class Maker:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._number = 0

    def program(self, count: int) -> str:
        definitions, kinds = [], []
        for _ in range(count):
            self._number += 1
            if self.dice.random() < 0.3:
                text = self.dice.choice(PLAIN).format(self.dice.randint(1, 300))
                kinds.append(f'    "plain_{self._number}": lambda at: {text},')
                continue
            name = f"{self.dice.choice(WORDS)}{self._number}"
            lines, make = self.kind(name)
            definitions.append("\n".join(lines))
            kinds.append(f'    "{name}": lambda at: {make},')
        body = "\n\n\n".join(definitions)
        listed = "\n".join(kinds)
        return f"{PROLOGUE}{body}\n\n\nKINDS = {{\n{listed}\n}}\n{EPILOGUE}"

    def kind(self, name: str) -> tuple[list[str], str]:
        """A definition, and the expression that makes one."""
        ways = (self.of_built_in, self.data, self.with_slots, self.inherited, self.named_tuple, self.called)
        lines, make, top = self.dice.choice(ways)(name)
        place = self.dice.randrange(4)
        if place == 0:  # in a function
            inside = [f"def place_of_{name}():", *(f"    {line}" if line else "" for line in lines)]
            return [*inside, f"    return {top}", "", "", f"{top} = place_of_{name}()"], make
        if place == 1:  # in a class
            inside = [f"class PlaceOf{name}:", *(f"    {line}" if line else "" for line in lines)]
            return [*inside, "", "", f"{top} = PlaceOf{name}.{top}"], make
        return lines, make

    def body(self) -> Iterator[str]:
        """Methods that change nothing."""
        if self.dice.random() < 0.3:
            yield from ("", "    def __del__(self):", "        pass")
        if self.dice.random() < 0.2:
            yield from (
                "",
                "    def __eq__(self, other):",
                "        return self is other",
                "",
                "    __hash__ = None",
            )
        if self.dice.random() < 0.2:
            yield from ("", "    def __getattr__(self, name):", "        raise AttributeError(name)")

    def of_built_in(self, name: str) -> tuple[list[str], str, str]:
        base = self.dice.choice(sorted(BUILT_IN))
        slots = ["    __slots__ = ()"] if self.dice.random() < 0.4 else ["    word = 1"]
        return [f"class {name}({base}):", *slots], f"{name}({BUILT_IN[base]})", name

    def data(self, name: str) -> tuple[list[str], str, str]:
        options = self.dice.choice(("", "(frozen=True)", "(order=True)", "(eq=False)"))
        fields = self.dice.randint(1, 8)
        lines = [f"@dataclasses.dataclass{options}", f"class {name}:"]
        return (
            [*lines, *(f"    field_{at}: int" for at in range(fields))],
            f"{name}({', '.join(['at'] * fields)})",
            name,
        )

    def with_slots(self, name: str) -> tuple[list[str], str, str]:
        count = self.dice.randint(0, 9)
        names = [f"slot_{at}" for at in range(count)]
        more = self.dice.choice(([], ["__weakref__"], ["__dict__"], ["__weakref__", "__dict__"]))
        lines = [
            f"class {name}:",
            f"    __slots__ = {tuple(names + more)!r}",
            "",
            "    def __init__(self, at):",
        ]
        return (
            [*lines, *(f"        self.{slot} = at" for slot in names), "        pass", *self.body()],
            f"{name}(at)",
            name,
        )

    def inherited(self, name: str) -> tuple[list[str], str, str]:
        base, mixin = f"Base{name}", f"Mixin{name}"
        meta = self.dice.choice(("", "metaclass=Meta", "metaclass=MetaOfAbc"))
        head = f"class {base}({meta}):" if meta else f"class {base}:"
        generic = ", typing.Generic[T]" if not meta and self.dice.random() < 0.4 else ""
        fields = [f"        self.field_{at} = at" for at in range(self.dice.randint(0, 40))]
        lines = [head, "    def __init__(self, at):", *fields, "        pass", "", "", f"class {mixin}:"]
        lines += [
            "    def more(self):",
            "        return 1",
            "",
            "",
            f"class {name}({base}, {mixin}{generic}):",
        ]
        return [*lines, "    word = 1", *self.body()], f"{name}(at)", name

    def named_tuple(self, name: str) -> tuple[list[str], str, str]:
        fields = self.dice.randint(1, 12)
        names = " ".join(f"field_{at}" for at in range(fields))
        return (
            [f'{name} = collections.namedtuple("{name}", "{names}")'],
            f"{name}({', '.join(['at'] * fields)})",
            name,
        )

    def called(self, name: str) -> tuple[list[str], str, str]:
        """By type() itself, with bases that are chosen then."""
        base = self.dice.choice(("object", "Exception", "list", "dict"))
        return [f'{name} = type("{name}", ({base},), {{"word": 1}})'], f"{name}()", name


def program(seed: int, count: int = COUNT) -> str:
    """The source of one program."""
    return Maker(seed).program(count)


if __name__ == "__main__":
    print(program(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else COUNT), end="")
