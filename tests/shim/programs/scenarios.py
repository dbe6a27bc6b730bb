"""What is done to the shim inside an interpreter; each returns plain data for the test outside."""

import ctypes
import gc
import os
import sys
import threading

ALLOCATORS = {
    0: ("PyMem_RawMalloc", "PyMem_RawRealloc", "PyMem_RawFree"),
    1: ("PyMem_Malloc", "PyMem_Realloc", "PyMem_Free"),
    2: ("PyObject_Malloc", "PyObject_Realloc", "PyObject_Free"),
}


def allocator(domain, library=None):
    """malloc, realloc, free of a domain, called with the GIL held."""
    library = library or ctypes.pythonapi
    functions = [library[name] for name in ALLOCATORS[domain]]
    for function in functions:
        function.restype = ctypes.c_void_p
    functions[0].argtypes = [ctypes.c_size_t]
    functions[1].argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    functions[2].argtypes = [ctypes.c_void_p]
    return functions


def of_sizes(records, sizes):
    return [r for r in records if r["size"] in sizes]


def every_domain(shim):
    sizes = {0: 100003, 1: 100019, 2: 100043}
    small = {0: 307, 1: 311, 2: 313}
    calls = {domain: allocator(domain) for domain in sizes}
    outcome = shim.enter(mode=2, value=1.0)

    def planted_site(domain, size):
        return calls[domain][0](size)

    for domain in sizes:
        for size in (sizes[domain], small[domain]):
            block = planted_site(domain, size)
            block = calls[domain][1](block, size + 1000000)
            calls[domain][2](block)
    left = shim.leave()
    wanted = {s for d in (sizes, small) for s in d.values()}
    wanted |= {s + 1000000 for s in wanted}
    return {
        "outcome": outcome,
        "left": left,
        "records": of_sizes(shim.records(), wanted),
        "metadata": shim.metadata(),
        "losses": shim.losses(),
        "live_blocks": shim.session.status.live_blocks,
        "line": planted_site.__code__.co_firstlineno + 1,
    }


def attach_again(shim):
    outcomes = []
    for round_number in range(20):
        outcomes.append(shim.enter(mode=2, value=1.0, seed=round_number + 1))
        keep = [bytes(1009 + i) for i in range(100)]
        outcomes.append(shim.leave())
        del keep
    return {"outcomes": outcomes, "records": len(shim.records()), "losses": shim.losses()}


def second_enter(shim):
    first = shim.enter(mode=2, value=1.0)
    session = shim.session
    second = shim.enter(mode=2, value=1.0)
    return {"first": first, "second": second, "state": session.status.state, "left": shim.leave()}


def fork_child(shim):
    shim.enter(mode=2, value=1.0)
    head_before = shim.session.events.head
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        keep = [bytes(10007) for _ in range(1000)]
        inner = shim.enter(mode=2, value=1.0)
        more = [bytes(10009) for _ in range(50)]
        own = len(of_sizes(shim.records(), {10009 + 33}))
        left = shim.leave()
        os.write(writer, ("%d %d %d %d" % (inner, left, own, len(keep) + len(more))).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    mine = [bytes(10037) for _ in range(3)]
    shim.leave()
    sizes = [r["size"] for r in shim.records()]
    return {
        "before": head_before,
        "child": os.read(reader, 100).decode().split(),
        "from_child": sizes.count(10007 + 33) + sizes.count(10009 + 33),
        "from_parent": sizes.count(10037 + 33),
        "mine": len(mine),
    }


def fork_under_tracemalloc(shim):
    """A forked child has our hooks under tracemalloc's, and gets a session of its own."""
    import tracemalloc

    shim.enter(mode=2, value=1.0)
    tracemalloc.start()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        outcome = shim.enter(mode=2, value=1.0)
        keep = [bytes(10009) for _ in range(50)]
        own = len(of_sizes(shim.records(), {10009 + 33}))
        left = shim.leave()
        os.write(writer, ("%d %d %d %d" % (outcome, own, left, len(keep))).encode())
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    tracemalloc.stop()
    os.close(writer)
    return {"status": status, "child": os.read(reader, 100).decode().split(), "left": shim.leave()}


def under_tracemalloc(shim):
    """tracemalloc comes on top of us, we leave, it goes: then we come again."""
    import tracemalloc

    out = {"enter": shim.enter(mode=2, value=1.0)}
    tracemalloc.start()
    keep = [bytes(5003) for _ in range(10)]
    out["leave"] = shim.leave()
    out["under"] = len(of_sizes(shim.records(), {5003 + 33}))
    tracemalloc.stop()
    more = [bytes(5009) for _ in range(10)]
    out["enter2"] = shim.enter(mode=2, value=1.0)
    again = [bytes(5011) for _ in range(10)]
    out["leave2"] = shim.leave()
    out["again"] = len(of_sizes(shim.records(), {5011 + 33}))
    out["kept"] = len(keep) + len(more) + len(again)
    return out


def over_tracemalloc(shim):
    """tracemalloc was there first; its stop takes our hooks away silently; the next session works."""
    import tracemalloc

    tracemalloc.start()
    out = {"enter": shim.enter(mode=2, value=1.0)}
    keep = [bytes(5003) for _ in range(10)]
    tracemalloc.stop()
    lost = [bytes(5009) for _ in range(10)]
    out["leave"] = shim.leave()
    out["over"] = len(of_sizes(shim.records(), {5003 + 33}))
    out["cut"] = len(of_sizes(shim.records(), {5009 + 33}))
    out["enter2"] = shim.enter(mode=2, value=1.0)
    again = [bytes(5011) for _ in range(10)]
    out["leave2"] = shim.leave()
    out["again"] = len(of_sizes(shim.records(), {5011 + 33}))
    out["kept"] = len(keep) + len(lost) + len(again)
    return out


def ended_code(shim):
    """Code objects made, run and thrown away: blocks like any other, each with an end."""

    def round_of(count):
        for i in range(count):
            scope = {}
            exec("def made_%03d(n):\n    return bytes(n)\n" % i, scope)
            scope["made_%03d" % i](7001 + i)
        del scope
        gc.collect()

    round_of(10)  # whatever is made once is there now
    shim.enter(mode=2, value=1.0, depth=4, meta=1 << 22, events=1 << 18)
    round_of(200)
    shim.leave()
    live = {}
    for r in shim.records():
        if r["kind"] == 2:
            live.pop(r["id"], None)
        else:
            live[r["id"]] = r["size"]
    size = sys.getsizeof(compile("def made_000(n):\n    return bytes(n)\n", "", "exec").co_consts[0])
    sizes = list(live.values())
    return {
        "most_of_one_size": max([sizes.count(s) for s in set(sizes) if abs(s - size) < 100], default=0),
        "made": len([r for r in shim.records() if r["kind"] == 1 and abs(r["size"] - size) < 100]),
        "losses": shim.losses(),
    }


def reused_code(shim):
    """Functions made and thrown away in a loop, all at one address: each must keep its own name."""
    shim.enter(mode=2, value=1.0, depth=4, meta=1 << 22, events=1 << 18)
    for i in range(200):
        scope = {}
        exec("def made_%03d(n):\n    return bytes(n)\n" % i, scope)
        scope["made_%03d" % i](7001 + i)
        del scope
    shim.leave()
    metadata = shim.metadata()
    names = {m["code"]: m["name"] for m in metadata if m["kind"] == "code"}
    top = {m["stack"]: m["frames"][0][0] for m in metadata if m["kind"] == "stack"}
    got = {}
    for r in shim.records():
        i = r["size"] - 33 - 7001
        if r["kind"] == 1 and 0 <= i < 200 and r["stack"]:
            name = names[top[r["stack"]]]
            if name.startswith("made_"):
                got[i] = name
    return {
        "wrong": [[i, n] for i, n in got.items() if n != "made_%03d" % i],
        "seen": len(got),
        "losses": shim.losses(),
    }


def subinterpreter_with_its_own_gil(shim):
    """From 3.12 on it allocates at the very moment at which the main interpreter does."""
    if sys.version_info < (3, 12):
        return {}
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    storm = "for _ in range(40000): [bytes(30011) for _ in range(2)]"
    interpreter = interpreters.create()
    shim.enter(mode=2, value=1.0, events=1 << 19)
    other = threading.Thread(target=interpreters.run_string, args=(interpreter, storm))
    other.start()
    keep = [bytes(30013) for _ in range(20000)]
    for _ in range(10000):
        bytes(30029)
    other.join()
    shim.leave()
    all_records = shim.records()
    records = [r for r in all_records if r["domain"] == 2]
    mine = of_sizes(records, {30013 + 33, 30029 + 33})
    return {
        "foreign": len([r for r in records if r["size"] == 30011 + 33]),
        "kept": len([r for r in mine if r["size"] == 30013 + 33]),
        "pairs": len([r for r in mine if r["size"] == 30029 + 33]),
        "reentered": shim.losses().get("REENTRY", 0),
        "made": len(keep),
        "twice": len([r for r in all_records if r["domain"] == 0 and r["size"] in (30013 + 33, 30029 + 33)]),
    }


def threads_without_gil(shim):
    """RAW allocations from threads that do not hold the GIL (CDLL lets go of it)."""
    library = ctypes.CDLL(None)
    try:
        calls = allocator(0, library)
    except AttributeError:
        calls = allocator(0, ctypes.CDLL(shim.libpython))
    shim.enter(mode=2, value=1.0)

    def work(size):
        for _ in range(500):
            calls[2](calls[0](size))

    threads = [threading.Thread(target=work, args=(20011 + 2 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shim.leave()
    sizes = {20011 + 2 * i for i in range(4)}
    mine = of_sizes(shim.records(), sizes)
    return {
        "allocated": sum(r["kind"] == 1 for r in mine),
        "freed": sum(r["kind"] == 2 for r in mine),
        "without_gil": sum(r["kind"] == 1 and bool(r["flags"] & 2) for r in mine),
        "losses": shim.losses(),
    }


def overflow(shim):
    """Rings and tables too small for what happens: dropped and counted, never blocked."""
    shim.enter(mode=2, value=1.0, events=64, live=64)
    keep = [bytes(3001 + i) for i in range(5000)]
    made = len(keep)
    del keep
    gc.collect()
    shim.leave()
    records = shim.records()
    return {"made": made, "records": len(records), "losses": shim.losses()}


def control_words(shim):
    """Setting changed, paused, no reader, and detached, all by control words."""
    shim.enter(mode=1, value=float(1 << 40))
    control = shim.session.control
    out = {}

    def churn(size):
        return [bytes(size) for _ in range(3000)]

    churn(4001)
    out["huge"] = len(of_sizes(shim.records(), {4001 + 33}))
    control.mode, control.value, control.generation = 2, 1.0, 2
    churn(4003)
    churn(4007)
    out["all"] = len(of_sizes(shim.records(), {4007 + 33}))
    out["applied"] = shim.session.status.applied_generation
    control.paused = 1
    churn(4013)
    out["paused"] = len([r for r in of_sizes(shim.records(), {4013 + 33}) if r["kind"] == 1])
    control.paused = 0
    control.heartbeat_ns = 1
    churn(4019)
    out["unread"] = len(of_sizes(shim.records(), {4019 + 33}))
    out["unread_losses"] = shim.losses()
    control.detach = 1
    churn(4021)
    out["state"] = shim.session.status.state
    out["leave"] = shim.leave()
    return out


def setting_under_way(shim):
    """A setting is not taken while it is being written."""
    shim.enter(mode=2, value=1.0, depth=5)
    control = shim.session.control
    before = shim.session.status.applied_generation
    control.generation |= shim.layout.GENERATION_WRITING
    control.value, control.depth = 0.5, 3
    [bytes(4001) for _ in range(300)]
    out = {"waits": shim.session.status.applied_generation == before}
    control.generation = before + 1
    [bytes(4001) for _ in range(300)]
    out["applied"] = shim.session.status.applied_generation == before + 1
    out["leave"] = shim.leave()
    settings = [m for m in shim.metadata() if m["kind"] == "sampling"]
    out["settings"] = [[m["value"], m["depth"]] for m in settings]
    return out


def hostile_head(shim):
    """The head changes under our hands: sizes, offsets, tails."""
    outcomes = []
    for name, value in (
        ("magic", 1),
        ("abi_version", 99),
        ("total_bytes", 1 << 40),
        ("event_capacity", 3),
        ("event_capacity", 1 << 60),
        ("live_offset", 1 << 50),
        ("meta_offset", 0),
        ("raw_offset", 8),
        ("state", 1),
    ):
        made = shim.make_session

        def broken(_name=name, _value=value, _made=made, **setting):
            head = _made(**setting)
            total = head.total_bytes
            setattr(head.status if _name == "state" else head, _name, _value)
            if _name == "total_bytes":
                shim.total = total
            return head

        if name == "total_bytes":
            continue
        shim.make_session = broken
        outcomes.append(shim.enter(mode=2, value=1.0))
        shim.make_session = made
    good = shim.enter(mode=2, value=1.0)
    shim.session.events.tail = 1 << 60
    shim.session.raw.tail = (1 << 64) - 1
    shim.session.meta.tail = 1 << 33
    shim.session.control.depth = 1 << 31
    shim.session.control.mode = 77
    shim.session.control.generation = 5
    keep = [bytes(6007) for _ in range(200000)]
    return {"outcomes": outcomes, "good": good, "left": shim.leave(), "kept": len(keep)}


def at_exit(shim):
    """The interpreter ends with the hooks in."""
    out = {"enter": shim.enter(mode=2, value=1.0)}
    sys.keep = [bytes(i) for i in range(1000)]
    return out


def seed_repeats(shim):
    """The same seed takes the same decisions. (The interpreter's own allocations between ours, caches that
    fill up, shift the first rounds; it settles.)"""
    calls = allocator(2)
    gc.disable()
    runs = []
    for seed in (7,) * 12 + (8,):
        blocks = [0] * 300
        shim.enter(mode=2, value=0.1, seed=seed)
        for i in range(300):
            blocks[i] = calls[0](9001 + i)
        shim.leave()
        for block in blocks:
            calls[2](block)
        runs.append([r["size"] for r in shim.records() if 9001 <= r["size"] < 9301])
    return {"same": runs[10] == runs[11], "other": runs[11] != runs[12], "taken": len(runs[11])}


def seed_changes(shim):
    """A seed that comes with a change of the setting begins the dice anew, in the middle of a session."""
    calls = allocator(2)
    gc.disable()
    shim.enter(mode=2, value=1.0, seed=1, events=1 << 18)
    control = shim.session.control
    blocks = [0] * 300
    seeds = (7, 9) * 8 + (7,)
    marks = []
    for number, seed in enumerate(seeds):
        control.value, control.seed, control.generation = 0.1, seed, 2 * number + 2
        for i in range(300):
            blocks[i] = calls[0](9001 + i)
        control.value, control.generation = 1.0, 2 * number + 3
        for block in blocks:
            calls[2](block)
        marks.append(calls[0](20011 + number))
        calls[2](marks[-1])
        while shim.session.status.applied_generation != 2 * number + 3:
            calls[2](calls[0](8009))
    shim.leave()
    runs, run = [], []
    for r in shim.records():
        if r["kind"] == 1 and 9001 <= r["size"] < 9301:
            run.append(r["size"])
        if r["kind"] == 1 and r["size"] == 8009 or 20011 <= r["size"] < 20011 + len(seeds):
            if run:
                runs.append(run)
            run = []
    return {"runs": len(runs), "same": runs[-1] == runs[-3], "other": runs[-1] != runs[-2]}
