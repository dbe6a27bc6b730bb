"""A session of a made-up shop: user code, the standard library and site-packages, in stacks of some depth."""

from __future__ import annotations

import numpy as np

from memscope_daemon.model.dictionary import FrameRow, LossRow, StackRow
from memscope_daemon.model.report import Resident
from memscope_daemon.query.evidence import Evidence
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import BYTES, events

INTERVAL_BYTES = 524_288.0
FRAMES = {
    "main": ("/srv/shop/main.py", 3),
    "serve_forever": ("/usr/lib/python3.11/socketserver.py", 233),
    "dispatch_request": ("/srv/env/lib/python3.11/site-packages/flask/app.py", 917),
    "Shop.order": ("/srv/shop/order.py", 31),
    "Shop.remember": ("/srv/shop/order.py", 51),
    "JSONEncoder.iterencode": ("/usr/lib/python3.11/json/encoder.py", 258),
}
LIBRARIES = {"serve_forever", "dispatch_request", "JSONEncoder.iterencode"}
#: Outermost first.
STACKS: tuple[tuple[str, ...], ...] = (
    ("main", "serve_forever", "dispatch_request", "Shop.order", "JSONEncoder.iterencode"),
    ("main", "serve_forever", "dispatch_request", "Shop.order", "Shop.remember"),
    ("main", "Shop.order"),
    ("serve_forever", "JSONEncoder.iterencode"),
    ("main", "Shop.remember"),
)
SIZES = (31, 65_537, 1_009, 524_309, 8_388_617)


def shop() -> Evidence:
    """Samples of every stack, and of blocks without a Python frame; every third block is freed again."""
    count = 300
    made_of = np.arange(count)
    size = np.array(SIZES)[made_of % len(SIZES)]
    stack = (made_of * 7 + made_of // 11) % (len(STACKS) + 1)
    weight = 1.0 / -np.expm1(-size / INTERVAL_BYTES)
    freed = made_of[::3]
    program = events(
        time_ns=np.arange(count + len(freed)) * 5_000_000,
        kind=np.concatenate([np.ones(count), np.full(len(freed), 2)]),
        allocation_id=np.concatenate([made_of + 1, freed + 1]),
        size_bytes=np.concatenate([size, size[freed]]),
        weight=np.concatenate([weight, weight[freed]]),
        stack_id=np.concatenate([stack, stack[freed]]),
    )
    loss = LossRow("alloc_ring_full", 3, 3.0, 1_572_864.0)
    made = evidence(program, mode=BYTES, value=INTERVAL_BYTES, losses=(loss,), resident=Resident(1 << 30))
    _name(made)
    return made


def _name(made: Evidence) -> None:
    tables = made.tables
    for at, (function, (file, line)) in enumerate(FRAMES.items(), 1):
        tables.strings[1000 + 2 * at], tables.strings[1001 + 2 * at] = function, file
        tables.frames[at] = FrameRow(1000 + 2 * at, 1001 + 2 * at, line, 1)
    numbers = {function: at for at, function in enumerate(FRAMES, 1)}
    for at, frames in enumerate(STACKS, 1):
        tables.stacks[at] = StackRow(tuple(numbers[function] for function in reversed(frames)), False)
