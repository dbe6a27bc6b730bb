"""asyncio programs made by a grammar (see ../README.md).

    grammar.py SEED [COUNT]      prints a program of so many coroutine functions (10); it takes no argument,
                                 finds by_hand.py on its path, and tells what that one's programs tell

A function is a list of steps: allocate and keep, allocate and drop, wait, call another coroutine, begin a
task for another function and wait for it, or later, or cancel it, or leave one behind that waits for ever.
Functions begin only those with a higher number, so that a program ends.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator

COUNT = 10

PROLOGUE = '''\
"""Made by a grammar. Tells what its tasks did, then waits for its standard input to end."""

import asyncio
import itertools
import warnings

from by_hand import begin, entered, kept, tasks, watched

numbers = itertools.count()


def child(me, work):
    name = f"{work.__name__}-{next(numbers)}"
    return begin(work, name, parent=me.told["name"])


def end_of(task, how):
    tasks[task.get_name()].ends(how)


'''

EPILOGUE = """

async def program():
    me = entered()
    await work_0(me)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(watched(program))
"""


class Maker:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._lengths = iter(self.dice.sample(range(5_000, 200_000), 5_000))
        self._variables = 0

    def program(self, count: int) -> str:
        functions = ["\n".join(self.function(at, count)) for at in range(count)]
        return PROLOGUE + "\n\n\n".join(reversed(functions)) + "\n" + EPILOGUE

    def function(self, at: int, count: int) -> Iterator[str]:
        later = range(at + 1, count)
        quiet: list[Callable[[range], Iterator[str]]] = [self.keep, self.drop, self.wait]
        begins = [self.awaits, self.together, self.cancels, self.calls, self.leaves] if later else []
        steps = [*self.dice.choices(quiet, k=3), *self.dice.choices(begins or quiet, k=2)]
        self.dice.shuffle(steps)
        yield f"async def work_{at}(me):"
        for step in steps if at else [self.keep, self.together, *steps]:
            yield from step(later)

    def variable(self) -> str:
        self._variables += 1
        return f"task_{self._variables}"

    def other(self, later: range) -> str:
        """Mostly one that comes soon, so that trees are deep."""
        return f"work_{min(later.start + int(self.dice.expovariate(0.8)), later[-1])}"

    def keep(self, _: range) -> Iterator[str]:
        yield f"    me.keep({next(self._lengths)})"

    def drop(self, _: range) -> Iterator[str]:
        yield f"    me.drop({next(self._lengths)})"

    def wait(self, _: range) -> Iterator[str]:
        yield f"    await asyncio.sleep({self.dice.choice(('0', '0', '0.001'))})"

    def calls(self, later: range) -> Iterator[str]:
        """Its own task goes on in there."""
        yield f"    await {self.other(later)}(me)"

    def awaits(self, later: range) -> Iterator[str]:
        name = self.variable()
        yield f"    {name} = child(me, {self.other(later)})"
        yield from self.dice.choice((self.keep, self.drop, self.wait))(later)
        yield f"    await {name}"

    def together(self, later: range) -> Iterator[str]:
        name, works = self.variable(), [self.other(later) for _ in range(self.dice.randint(2, 3))]
        yield f"    {name} = [{', '.join(f'child(me, {work})' for work in works)}]"
        yield f"    await asyncio.gather(*{name})"

    def cancels(self, later: range) -> Iterator[str]:
        """Before it ran: a task that never did anything."""
        name = self.variable()
        yield f"    {name} = child(me, {self.other(later)})"
        yield f"    {name}.cancel()"
        yield f"    await asyncio.wait([{name}])"
        yield f'    end_of({name}, "cancelled")'

    def leaves(self, later: range) -> Iterator[str]:
        """Waits for ever, held by somebody."""
        name = self.variable()
        yield f"    {name} = asyncio.ensure_future(asyncio.sleep(3600))"
        yield f'    {name}.set_name(f"idle-{{next(numbers)}}")'
        yield f"    kept.append({name})"


def program(seed: int, count: int = COUNT) -> str:
    """The source of one program."""
    return Maker(seed).program(count)


if __name__ == "__main__":
    print(program(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else COUNT), end="")
