"""asyncio programs whose tasks know what they did (see ../README.md).

    by_hand.py NAME      runs one; prints a line of JSON for each of its tasks, then waits for its standard
                         input to end, with everything kept

{"name": "reader-3", "coroutine": "reader", "parent": "main", "end": "done", "allocated": N, "live": N}

``parent``: the task that made it, empty: none. ``end``: ``done``, ``cancelled``, ``failed``, ``pending``
(it waits still) or ``lost`` (nobody holds it, and it never ended). ``allocated``: bytes of payload that it
asked for while it was the running task; ``live``: of those, what is still kept.
"""

import asyncio
import contextlib
import gc
import json
import sys
import warnings

kept, tasks = [], {}


class Task:
    """What one task says of itself. A payload is a bytes object of so many bytes, its head not counted."""

    def __init__(self, name, coroutine, parent):
        self.told = {"name": name, "coroutine": coroutine, "parent": parent, "end": "done"}
        self.told.update(allocated=0, live=0)
        tasks[name] = self

    def drop(self, length):
        self.told["allocated"] += length
        bytes(length)

    def keep(self, length):
        self.told["allocated"] += length
        self.told["live"] += length
        kept.append(bytes(length))

    def lend(self, length):
        """To be let go of by another task."""
        self.told["allocated"] += length
        self.told["live"] += length
        return bytes(length)

    def ends(self, how):
        self.told["end"] = how


def begin(work, name, *arguments, parent="main"):
    """A task of that name for ``work``, which is handed what tells of it."""
    me = Task(name, work.__qualname__, parent)
    return asyncio.get_running_loop().create_task(work(me, *arguments), name=name)


def entered():
    asyncio.current_task().set_name("main")
    return Task("main", "", "")


# --- siblings ---


async def reader(me, count, keeps):
    for at in range(count):
        await asyncio.sleep(0)
        (me.keep if at < keeps else me.drop)(20_000 + at)


async def siblings():
    me = entered()
    me.keep(30_000)
    await asyncio.gather(*(begin(reader, f"reader-{at}", 5 + at, at) for at in range(12)))


# --- parents and children ---


async def branch(me, depth):
    me.keep(10_000 * (depth + 1))
    name = me.told["name"]
    if depth:
        children = [begin(branch, f"{name}.{at}", depth - 1, parent=name) for at in range(2)]
        for child in children:
            await child
            me.drop(5_000)


async def family():
    entered()
    await begin(branch, "root", 3)


# --- ways to end ---


async def fails(me):
    me.keep(11_000)
    await asyncio.sleep(0)
    me.drop(12_000)
    raise ValueError("on purpose")


async def is_cancelled(me):
    me.keep(13_000)
    try:
        await asyncio.sleep(3600)
    finally:
        me.drop(14_000)


async def refuses_at_first(me):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        me.keep(15_000)
    await asyncio.sleep(0)


async def ways_to_end():
    entered()
    failing, cancelled = begin(fails, "failing"), begin(is_cancelled, "cancelled")
    refusing = begin(refuses_at_first, "refusing")
    await asyncio.sleep(0.01)
    cancelled.cancel()
    refusing.cancel()
    found = await asyncio.gather(failing, cancelled, refusing, return_exceptions=True)
    kept.append(found)
    tasks["failing"].ends("failed")
    tasks["cancelled"].ends("cancelled")


# --- what never ends ---


async def waits_for_ever(me):
    me.keep(16_000)
    await asyncio.get_running_loop().create_future()


async def forgotten(me):
    me.keep(17_000)
    await asyncio.get_running_loop().create_future()


async def zombies():
    entered()
    for at in range(4):
        tasks_kept = begin(waits_for_ever, f"waiting-{at}")
        kept.append(tasks_kept)
        tasks[f"waiting-{at}"].ends("pending")
    for at in range(3):
        begin(forgotten, f"forgotten-{at}")
        tasks[f"forgotten-{at}"].ends("lost")
    await asyncio.sleep(0.01)
    gc.collect()


# --- memory that changes hands ---


async def producer(me, queue, count):
    for at in range(count):
        await queue.put(me.lend(21_000 + at))
        await asyncio.sleep(0)
    await queue.put(None)


async def consumer(me, queue, keeps):
    taken = 0
    while (piece := await queue.get()) is not None:
        taken += 1
        if taken <= keeps:
            kept.append(piece)
        else:
            tasks["producer"].told["live"] -= len(piece)
        me.drop(500 + taken)


async def hand_over():
    entered()
    queue = asyncio.Queue(3)
    await asyncio.gather(begin(producer, "producer", queue, 20), begin(consumer, "consumer", queue, 6))


# --- calls of coroutines are of the task that awaits ---


async def helper(me, length):
    await asyncio.sleep(0)
    me.keep(length)
    return length


async def helps_itself(me):
    for at in range(6):
        await helper(me, 9_000 + at)
    async with lent(me, 9_500):
        me.drop(9_600)
    async for length in counted(me):
        me.drop(length)


@contextlib.asynccontextmanager
async def lent(me, length):
    me.keep(length)
    await asyncio.sleep(0)
    yield
    me.drop(length + 1)


async def counted(me):
    for at in range(3):
        await asyncio.sleep(0)
        me.keep(9_700 + at)
        yield 9_800 + at


async def nested():
    entered()
    await asyncio.gather(*(begin(helps_itself, f"helped-{at}") for at in range(3)))


# --- callbacks and threads are of no task, or of the one that waits ---


async def timed_out(me):
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.01)
    me.keep(18_000)


async def shielded(me):
    inner = begin(reader, "inner", 4, 2, parent="shielded")
    await asyncio.shield(inner)
    me.keep(18_500)


async def around():
    entered()
    await asyncio.gather(begin(timed_out, "timed_out"), begin(shielded, "shielded"))


# --- TaskGroup (3.11 and newer) ---


async def member(me, length):
    await asyncio.sleep(0)
    me.keep(length)


async def holder(me):
    async with asyncio.TaskGroup() as group:
        for at in range(5):
            name = f"member-{at}"
            group.create_task(member(Task(name, "member", "holder"), 22_000 + at), name=name)
        me.keep(23_000)


async def group():
    entered()
    await begin(holder, "holder")


PROGRAMS = {
    "siblings": siblings,
    "family": family,
    "ways_to_end": ways_to_end,
    "zombies": zombies,
    "hand_over": hand_over,
    "nested": nested,
    "around": around,
    "group": group,
}


async def watched(work):
    """The program in a loop that outlives it, so that what waits goes on waiting."""
    await asyncio.get_running_loop().create_task(work())
    for task in tasks.values():
        print(json.dumps(task.told))
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(watched(PROGRAMS[sys.argv[1]]))
