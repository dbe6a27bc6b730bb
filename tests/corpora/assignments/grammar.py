"""Programs with sites whose blocks go somewhere, made by a grammar (see ../README.md).

    grammar.py SEED [COUNT]      prints a program of so many functions (100), a site each

What a program says of itself is true by how it is made: a site is a target, a value in wrappings that either
pass it on or take it in, and a way from where it is allocated to where it is bound.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator

COUNT = 100
NAMES = ("kept", "rows", "cache", "payload", "answer", "blob", "state", "page", "record", "chunk")
KEYS = ("'home'", "7", "key", "(key, 7)", "key.upper()")
ATTRIBUTES = ("body", "data", "inner.data", "inner.inner.body")
CALLS = ("keep", "everything.append", "box.take", "table.setdefault")

#: Expressions a block passes through unchanged, whatever ``{}`` is.
PASSING = ("({})", "{} or None", "no or {}", "yes and {}", "{} if yes else None", "None if no else {}")
#: Those that take it in: the text, and what the name gets for it.
TAKING = (
    ("[{}]", "[]"),
    ("[1, {}, 2]", "[]"),
    ("({}, 1)", "[]"),
    ("{{'a': {}}}", "[]"),
    ("{{'a': 1, key: {}}}", "[]"),
    ("[{} for _ in range(1)]", "[]"),
    ("{{at: {} for at in range(1)}}", "[]"),
)
#: Those that make another block of it, and drop the first.
DROPPING = ("len({})", "{} == 1", "not {}", "{}[1:2]", "{} is None")

PROLOGUE = '''\
"""Made by a grammar. Each line with a mark says where its block goes."""

import asyncio

everything, yes, no, key = [], True, False, "some"


class Box:
    def __init__(self, depth=2):
        self.body = self.data = None
        self.inner = Box(depth - 1) if depth else None

    def take(self, *values, **named):
        everything.append((values, named))


def keep(*values, **named):
    everything.append((values, named))


'''


class Maker:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._lengths = iter(self.dice.sample(range(5000, 60000), 4 * COUNT + 4000))
        self._number = 0

    def program(self, count: int) -> str:
        made = [self.function() for _ in range(count)]
        calls = "\n".join(f"    {call}" for _, call in made)
        text = "\n\n\n".join(body for body, _ in made)
        return f'{PROLOGUE}{text}\n\n\ndef run():\n{calls}\n\n\nif __name__ == "__main__":\n    run()\n'

    def function(self) -> tuple[str, str]:
        """A definition or several, and the call that runs them."""
        ways: tuple[Callable[[str], Iterator[str]], ...] = (
            self.direct,
            self.returned,
            self.returned_far,
            self.yielded,
            self.unpacked,
            self.walrus,
            self.argument,
            self.lent,
            self.awaited,
            self.dropped,
        )
        self._number += 1
        name = f"work_{self._number}"
        way = self.dice.choice(ways)
        body = "\n".join(way(name))
        return body, f"asyncio.run({name}())" if body.rstrip().endswith("# async") else f"{name}()"

    # --- pieces --------------------------------------------------------------------------------------------

    def length(self) -> int:
        return next(self._lengths)

    def block(self, length: int) -> str:
        return self.dice.choice(
            ("bytes({})", "bytearray({})", "b'x' * {}", "'y' * {}", "bytes({} - 3 + 3)")
        ).format(length)

    def target(self) -> str:
        kind = self.dice.randrange(3)
        if kind == 0:
            return self.dice.choice(NAMES)
        if kind == 1:
            return f"box.{self.dice.choice(ATTRIBUTES)}"
        return f"table[{self.dice.choice(KEYS)}]"

    def wrapped(self, text: str) -> tuple[str, str]:
        """The text in some wrappings, and what the name gets for it."""
        suffix = ""
        for _ in range(self.dice.choice((0, 0, 1, 1, 2))):
            if self.dice.random() < 0.6:
                text = self.dice.choice(PASSING).format(f"({text})")
            else:
                taking, more = self.dice.choice(TAKING)
                text, suffix = taking.format(text), more + suffix
        return text, suffix

    def setting(self) -> list[str]:
        return ["    box, table = Box(), {}"]

    def ending(self) -> list[str]:
        return ["    everything.append((box, table, locals()))"]

    def assignment(self, text: str, name: str, mark: str = "", indent: str = "    ") -> list[str]:
        """On one line, or over several with the mark beside the value."""
        if mark and self.dice.random() < 0.3:
            return [f"{indent}{name} = (", f"{indent}    {text}  {mark}", f"{indent})"]
        return [f"{indent}{name} = {text}" + (f"  {mark}" if mark else "")]

    # --- ways ----------------------------------------------------------------------------------------

    def direct(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.target()
        text, suffix = self.wrapped(self.block(length))
        yield f"def {name}():"
        yield from self.setting()
        yield from self.assignment(text, target, f"#: {length} {target}{suffix}")
        yield from self.ending()

    def returned(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.target()
        text, suffix = self.wrapped(f"made_for_{name}()")
        yield f"def made_for_{name}():"
        if self.dice.random() < 0.5:
            yield f"    return {self.block(length)}  #: {length} {target}{suffix}"
        else:
            passing = self.dice.choice(PASSING).format(f"({self.block(length)})")
            yield f"    return {passing}  #: {length} {target}{suffix}"
        yield from ("", "", f"def {name}():")
        yield from self.setting()
        yield from self.assignment(text, target)
        yield from self.ending()

    def returned_far(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.target()
        depth = self.dice.randint(2, 5)
        yield f"def made_0_for_{name}(length):"
        yield f"    return {self.block(length)}  #: {length} {target}"
        for at in range(1, depth):
            yield from ("", "", f"def made_{at}_for_{name}(length):")
            passing = self.dice.choice(PASSING).format(f"made_{at - 1}_for_{name}(length)")
            yield f"    return {passing}"
        yield from ("", "", f"def {name}():")
        yield from self.setting()
        yield from self.assignment(f"made_{depth - 1}_for_{name}({length})", target)
        yield from self.ending()

    def yielded(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.dice.choice(NAMES)
        yield f"def each_of_{name}():"
        yield f"    yield {self.block(length)}  #: {length} {target}"
        yield from ("", "", f"def {name}():")
        yield from self.setting()
        yield f"    for {target} in each_of_{name}():"
        yield f"        everything.append({target})"
        yield from self.ending()

    def unpacked(self, name: str) -> Iterator[str]:
        targets = [
            self.dice.choice(NAMES),
            f"box.{self.dice.choice(ATTRIBUTES)}",
            f"table[{self.dice.choice(KEYS)}]",
        ]
        self.dice.shuffle(targets)
        targets = targets[: self.dice.randint(2, 3)]
        lengths = [self.length() for _ in targets]
        marks = "; ".join(f"{length} {target}" for length, target in zip(lengths, targets, strict=True))
        values = ", ".join(self.block(length) for length in lengths)
        yield f"def {name}():"
        yield from self.setting()
        if self.dice.random() < 0.5:
            yield f"    {', '.join(targets)} = {values}  #: {marks}"
        else:
            yield f"    [{', '.join(targets)}] = ({values})  #: {marks}"
        yield from self.ending()

    def walrus(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.dice.choice(NAMES)
        yield f"def {name}():"
        yield from self.setting()
        text = f"({target} := {self.block(length)})"
        form = self.dice.choice(
            ("if {}:", "while {} and len(everything) < 0:", "with_it = {}", "keep({})", "[1, {}]")
        )
        yield f"    {form.format(text)}  #: {length} {target}"
        if form.endswith(":"):
            yield "        pass"
        yield from self.ending()

    def argument(self, name: str) -> Iterator[str]:
        length, call = self.length(), self.dice.choice(CALLS)
        value = self.dice.choice(("{}", "({})", "{} or None", "[{}]", "(1, {})")).format(self.block(length))
        first = "key, " if call == "table.setdefault" else ""
        takes_names = call in ("keep", "box.take")
        yield f"def {name}():"
        yield from self.setting()
        if takes_names and self.dice.random() < 0.5:
            word = self.dice.choice(NAMES)
            yield f"    {call}(1, {word}={value})  #: {length} {call}({word})"
        elif self.dice.random() < 0.5:
            yield f"    {call}({first}{value})  #: {length} {call}()"
        else:
            yield from (f"    {call}(", f"        {first}{value},  #: {length} {call}()", "    )")
        yield from self.ending()

    def lent(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.dice.choice(NAMES)
        yield f"class Lends_{name}:"
        yield "    def __enter__(self):"
        yield f"        return {self.block(length)}  #: {length} {target}"
        yield from ("", "    def __exit__(self, *_):", "        return None", "", "")
        yield f"def {name}():"
        yield from self.setting()
        yield f"    with Lends_{name}() as {target}:"
        yield f"        everything.append({target})"
        yield from self.ending()

    def awaited(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.target()
        text, suffix = (
            self.wrapped(f"await fetched_for_{name}()")
            if self.dice.random() < 0.3
            else (f"await fetched_for_{name}()", "")
        )
        if "for " in text:
            text, suffix = f"await fetched_for_{name}()", ""
        yield f"async def fetched_for_{name}():"
        yield "    await asyncio.sleep(0)"
        yield f"    return {self.block(length)}  #: {length} {target}{suffix}"
        yield from ("", "", f"async def {name}():")
        yield from self.setting()
        yield from self.assignment(text, target)
        yield f"{self.ending()[0]}  # async"

    def dropped(self, name: str) -> Iterator[str]:
        length, target = self.length(), self.target()
        form = self.dice.choice(DROPPING)
        bound = "len()" if form.startswith("len") else "-"
        yield f"def {name}():"
        yield from self.setting()
        yield from self.assignment(form.format(f"({self.block(length)})"), target, f"#: {length} {bound}")
        yield from self.ending()


def program(seed: int, count: int = COUNT) -> str:
    """The source of one program."""
    return Maker(seed).program(count)


if __name__ == "__main__":
    print(program(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else COUNT), end="")
