"""Runs inside an interpreter under test (3.9+, standard library only): the shim, entered by ctypes.

    pythonX inside.py LAYOUT.py SHIM.so SCENARIO

Makes the shared memory as the shipper would, enters the shim under the GIL, runs a scenario from
scenarios.py, leaves, and prints one line of JSON with what was recorded.
"""

import ctypes
import importlib.util
import json
import mmap
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def load_layout(path):
    spec = importlib.util.spec_from_file_location("layout", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["layout"] = module
    spec.loader.exec_module(module)
    return module


class Shim:
    """The shim in this very process, with its shared memory read from inside."""

    def __init__(self, layout_path, shim_path):
        self.layout = load_layout(layout_path)
        self.library = ctypes.PyDLL(shim_path)
        self.entry = self.library[self.layout.ENTRY_NAME]
        self.session = None
        self.on_shared = lambda fd, length: None

    def _part(self, count, each):
        offset = (self._end + 63) & ~63
        self._end = offset + count * each
        return offset

    def make_session(
        self, mode, value, depth=32, stacks=1, seed=1, events=1 << 16, live=1 << 16, meta=1 << 21
    ):
        layout = self.layout
        self._end = ctypes.sizeof(layout.Session)
        head = layout.Session()
        head.magic, head.abi_version = layout.SESSION_MAGIC, layout.ABI_VERSION
        head.header_bytes = ctypes.sizeof(layout.Session)
        head.event_capacity, head.raw_capacity = events, events
        head.live_capacity, head.raw_live_capacity = live, live
        head.stack_capacity = head.code_capacity = 1 << 14
        head.meta_capacity = meta
        head.events_offset = self._part(events, 64)
        head.raw_offset = self._part(events, 64)
        head.meta_offset = self._part(meta, 1)
        head.live_offset = self._part(live, layout.LIVE_BYTES)
        head.raw_live_offset = self._part(live, layout.LIVE_BYTES)
        head.stacks_offset = self._part(1 << 14, 16)
        head.codes_offset = self._part(1 << 14, 16)
        head.total_bytes = (self._end + 4095) & ~4095
        control = head.control
        control.mode, control.value, control.depth, control.stacks = mode, value, depth, stacks
        control.seed, control.generation, control.heartbeat_ns = seed, 1, time.monotonic_ns() + 10**12
        return head

    def enter(self, **setting):
        head = self.make_session(**setting)
        fd = os.memfd_create("memscope-test")
        os.ftruncate(fd, head.total_bytes)
        os.write(fd, bytes(head))
        self.map = mmap.mmap(fd, head.total_bytes)
        self.session = self.layout.Session.from_buffer(self.map)
        # The shim unmaps what it is given on leaving, so it gets a mapping of its own.
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        ]
        map_shared, map_populate = 1, 0x8000
        address = libc.mmap(None, head.total_bytes, 3, map_shared | map_populate, fd, 0)
        self.on_shared(fd, head.total_bytes)
        os.close(fd)
        return self._call(self.layout.Operation.ENTER, address, head.total_bytes)

    def leave(self):
        return self._call(self.layout.Operation.LEAVE, 0, 0)

    def _call(self, operation, address, length):
        layout = self.layout
        attach = layout.Attach()
        attach.magic, attach.abi_version, attach.operation = (
            layout.ATTACH_MAGIC,
            layout.ABI_VERSION,
            operation,
        )
        attach.shared_address, attach.shared_bytes = address, length
        attach.python_hexversion = sys.hexversion
        for name, symbols in layout.PYTHON_API.items():
            setattr(attach.python, name, self._address(symbols))
        return self.entry(ctypes.byref(attach))

    @staticmethod
    def _address(symbols):
        for symbol in symbols:
            if hasattr(ctypes.pythonapi, symbol):
                if symbol.endswith("_Type"):
                    return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, symbol))
                return ctypes.cast(getattr(ctypes.pythonapi, symbol), ctypes.c_void_p).value
        raise LookupError(symbols)

    def records(self):
        """Every record in both rings, oldest first within a ring, as dicts."""
        return [*self._ring("events", "event"), *self._ring("raw", "raw")]

    def _ring(self, ring, prefix):
        session, record = self.session, self.layout.Record
        capacity = getattr(session, prefix + "_capacity")
        offset = getattr(session, ("events" if prefix == "event" else "raw") + "_offset")
        head, tail = getattr(session, ring).head, getattr(session, ring).tail
        out = []
        for position in range(tail, head):
            raw = record.from_buffer_copy(self.map, offset + (position & (capacity - 1)) * 64)
            out.append({name: getattr(raw, name) for name, _ in record._fields_})
        return out

    def metadata(self):
        layout, session, out = self.layout, self.session, []
        at = session.meta.tail
        while at < session.meta.head:
            offset = session.meta_offset + (at & (session.meta_capacity - 1))
            head = layout.MetaHead.from_buffer_copy(self.map, offset)
            out.append(self._entry(head, offset))
            at += head.size
        return out

    def _entry(self, head, offset):
        layout = self.layout
        if head.kind == layout.MetaKind.CODE:
            code = layout.MetaCode.from_buffer_copy(self.map, offset)
            at = offset + ctypes.sizeof(code)
            file = self.map[at : at + code.file_bytes].decode("latin-1")
            name = self.map[at + code.file_bytes : at + code.file_bytes + code.name_bytes].decode("latin-1")
            return {
                "kind": "code",
                "code": code.code,
                "file": file,
                "name": name,
                "first_line": code.first_line,
            }
        if head.kind == layout.MetaKind.STACK:
            stack = layout.MetaStack.from_buffer_copy(self.map, offset)
            frames = (layout.FrameRef * stack.frame_count).from_buffer_copy(
                self.map, offset + ctypes.sizeof(stack)
            )
            return {"kind": "stack", "stack": stack.stack, "frames": [(f.code, f.offset) for f in frames]}
        if head.kind == layout.MetaKind.THREAD:
            thread = layout.MetaThread.from_buffer_copy(self.map, offset)
            return {
                "kind": "thread",
                "thread": thread.thread,
                "native_id": thread.native_id,
                "pthread_id": thread.pthread_id,
            }
        if head.kind == layout.MetaKind.SAMPLING:
            setting = layout.MetaSampling.from_buffer_copy(self.map, offset)
            return {
                "kind": "sampling",
                "sampling": setting.sampling,
                "mode": setting.mode,
                "value": setting.value,
                "depth": setting.depth,
            }
        return {"kind": "pad"}

    def losses(self):
        counters = zip(self.layout.LOSSES, self.session.losses)
        return {name: counter.records for name, counter in counters if counter.records}


def main():
    import scenarios

    layout_path, shim_path, scenario = sys.argv[1:4]
    result = getattr(scenarios, scenario)(Shim(layout_path, shim_path))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
