"""How a workload keeps step with whoever measures it. Standard library only, Python 3.9 and later.

    WORKLOAD.py PAGE INSIDE

PAGE is the descriptor of a shared page. In its head: slices done, operations in a slice, the port that is
served, the wish that the profiler named INSIDE begin, and whether it has begun. From RECORDS_AT on: for each
count of slices the processor time of the process and the time, in nanoseconds, at that moment.
"""

import mmap
import os
import struct
import sys
import time

WORD = struct.Struct("<Q")
DONE_AT, OPERATIONS_AT, PORT_AT, WISH_AT, BEGUN_AT = 0, 8, 16, 24, 32
RECORD = struct.Struct("<QQ")
RECORDS_AT = 4096
RECORDS = 1 << 14  # the oldest is overwritten by the next
LENGTH = RECORDS_AT + RECORDS * RECORD.size


class Pace:
    def __init__(self, operations):
        page, name = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
        self.page = mmap.mmap(page, LENGTH)
        self.parent = os.getppid()
        self.done = 0
        self.begin = None
        if name:
            import inside

            self.begin = inside.PROFILERS[name]()
        self.write(OPERATIONS_AT, operations)

    def write(self, where, number):
        WORD.pack_into(self.page, where, number)

    def record(self):
        """Notes the moment: ``done`` slices are done."""
        where = RECORDS_AT + self.done % RECORDS * RECORD.size
        RECORD.pack_into(self.page, where, time.process_time_ns(), time.perf_counter_ns())
        WORD.pack_into(self.page, DONE_AT, self.done)

    def slice_done(self):
        self.done += 1
        self.record()
        if self.begin is not None and self.page[WISH_AT]:
            self.begin()
            self.begin = None
            self.write(BEGUN_AT, 1)
        if os.getppid() != self.parent:
            os._exit(3)  # whoever measured is gone


def run(operation, operations):
    """``operation(number)`` for ever, ``operations`` of them in a slice."""
    pace = Pace(operations)
    numbers = range(operations)
    pace.record()
    while True:
        for number in numbers:
            operation(number)
        pace.slice_done()
