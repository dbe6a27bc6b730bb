"""A program that carries a memory profiler of somebody else's, and counts what that one says.

    other_tool.py IN OUT PULSE TOOL

TOOL: memray, memray-python (with trace_python_allocators), ddtrace. Commands besides those of talk.py:

["start"]   begins to profile
["load"]    allocates LOADED blocks of a known size in ``known`` and drops half of them
["stop"]    ends it; how many blocks of ``known`` were allocated and how many stayed, as the tool has it
            (ddtrace tells but those that stayed, and samples: -1 and the number)
"""

import json
import sys
import tempfile
from pathlib import Path

from talk import Talk

LOADED, BLOCK_BYTES, HEADER_BYTES = 210, 30011, 33
kept = []


def known(count):
    kept.extend([bytes(BLOCK_BYTES) for _ in range(count)])


def load():
    before = len(kept)
    known(LOADED)
    del kept[before + LOADED // 2 :]
    return len(kept)


class Memray:
    def __init__(self, python_allocators):
        import memray

        self.memray, self.python_allocators = memray, python_allocators

    def start(self):
        self.path = Path(tempfile.mkdtemp(), "memray.bin")
        self.tracker = self.memray.Tracker(self.path, trace_python_allocators=self.python_allocators)
        self.tracker.__enter__()

    def stop(self):
        self.tracker.__exit__(None, None, None)
        with self.memray.FileReader(self.path) as reader:
            allocated = sum(1 for each in reader.get_allocation_records() if self.is_ours(each))
        with self.memray.FileReader(self.path) as reader:
            records = reader.get_leaked_allocation_records(merge_threads=True)
            stayed = sum(each.n_allocations for each in records if self.names_known(each))
        self.path.unlink()
        return [allocated, stayed]

    def is_ours(self, record):
        return record.size == BLOCK_BYTES + HEADER_BYTES and self.names_known(record)

    def names_known(self, record):
        stack = record.stack_trace(max_stacks=2)
        return record.size >= BLOCK_BYTES and any("known" in frame[0] for frame in stack)


class Ddtrace:
    INTERVAL_BYTES, DEPTH = 1024, 64  # so short that no block of ours slips through

    def __init__(self):
        from ddtrace.internal.datadog.profiling import ddup
        from ddtrace.profiling.collector import _memalloc

        self.ddup, self.memalloc = ddup, _memalloc
        self.folder = Path(tempfile.mkdtemp())
        ddup.config(service="odd", output_filename=str(self.folder / "p"))
        ddup.start()

    def start(self):
        self.memalloc.start(self.DEPTH, self.INTERVAL_BYTES, True)

    def stop(self):
        self.memalloc.heap()
        self.ddup.upload()
        self.memalloc.stop()
        (newest,) = self.folder.glob("*.json")
        stayed = json.loads(newest.read_text())["heap_tracker_count"]
        newest.unlink()
        return [-1, stayed]


TOOLS = {"memray": lambda: Memray(False), "memray-python": lambda: Memray(True), "ddtrace": Ddtrace}


def stop():
    found = tool.stop()
    kept.clear()
    return found


talk = Talk()
tool = TOOLS[sys.argv[4]]()
talk.handlers.update({"start": tool.start, "load": load, "stop": stop})
talk.ready()
while True:
    talk.serve()
