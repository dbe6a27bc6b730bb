"""The table in which CPython 3.14 and 3.15 say where the fields lie that the shim reads (_Py_DebugOffsets).

It stands at the beginning of ``_PyRuntime``, in the file already, so nobody has to look into the process. The
shim has the offsets of each minor version built in (``shim/target/host/layout.c``); an alpha, a beta or a
patched build may differ from the release they were taken from, and is told by this table before anything is
touched. The table grows in the middle with each minor version, so there is a list of fields for each that is
known (Include/internal/pycore_debug_offsets.h of the CPython sources).
"""

from __future__ import annotations

import functools
import struct

TABLE_BYTES = 1024  # more than any so far has
COOKIE = b"xdebugpy"

_3_14 = """
runtime_state size finalizing interpreters_head
interpreter_state size id next threads_head threads_main gc imports_modules sysdict builtins ceval_gil
  gil_runtime_state gil_runtime_state_enabled gil_runtime_state_locked gil_runtime_state_holder
  code_object_generation tlbc_generation
thread_state size prev next interp current_frame thread_id native_thread_id datastack_chunk status
interpreter_frame size previous executable instr_ptr localsplus owner stackpointer tlbc_index
code_object size filename name qualname linetable firstlineno argcount localsplusnames localspluskinds
  co_code_adaptive co_tlbc
pyobject size ob_type
type_object size tp_name tp_repr tp_flags
tuple_object size ob_item ob_size
list_object size ob_item ob_size
set_object size used table mask
dict_object size ma_keys ma_values
float_object size ob_fval
long_object size lv_tag ob_digit
bytes_object size ob_size ob_sval
unicode_object size state length asciiobject_size
gc size collecting
gen_object size gi_name gi_iframe gi_frame_state
llist_node next prev
debugger_support eval_breaker remote_debugger_support remote_debugging_enabled debugger_pending_call
  debugger_script_path debugger_script_path_size
"""
#: What came in between: after which words, and what.
_SINCE_3_14 = {
    "interp current_frame": " base_frame last_profiled_frame last_profiled_frame_seq",
    "datastack_chunk status": (
        " holds_gil gil_requested current_exception exc_state\nerr_stackitem exc_value"
    ),
    "tp_repr tp_flags": " tp_basicsize tp_dictoffset\nheap_type_object size ht_cached_keys",
    "length asciiobject_size": " compactunicodeobject_size",
    "gc size collecting": " frame generation_stats_size generation_stats",
}
_3_15 = functools.reduce(lambda text, more: text.replace(more[0], "".join(more)), _SINCE_3_14.items(), _3_14)

#: What the shim takes for granted, the same in 3.14 and 3.15. The sizes tell of fields that have no entry.
KNOWN = {
    "thread_state.interp": 16,
    "thread_state.current_frame": 72,
    "interpreter_frame.size": 88,
    "interpreter_frame.executable": 0,
    "interpreter_frame.previous": 8,
    "interpreter_frame.instr_ptr": 56,
    "interpreter_frame.owner": 74,
    "code_object.size": 216,
    "code_object.firstlineno": 68,
    "code_object.filename": 112,
    "code_object.qualname": 128,
    "code_object.linetable": 136,
    "code_object.co_code_adaptive": 208,
    "pyobject.ob_type": 8,
    "bytes_object.ob_size": 16,
    "bytes_object.ob_sval": 32,
    "unicode_object.size": 64,
    "unicode_object.length": 16,
    "unicode_object.state": 32,
    "unicode_object.asciiobject_size": 40,
    "debugger_support.debugger_script_path_size": 512,
}


def _names(text: str) -> tuple[str, ...]:
    records = (line.split() for line in text.replace("\n  ", " ").strip().splitlines())
    return tuple(f"{record}.{field}" for record, *fields in records for field in fields)


FIELDS = {(3, 14): _names(_3_14), (3, 15): _names(_3_15)}


def strangeness(table: bytes, hexversion: int) -> str:
    """How an interpreter differs from what the shim knows of its minor version, in words; "" = not at all.

    Versions without such a list are not judged here.
    """
    names = FIELDS.get((hexversion >> 24, hexversion >> 16 & 0xFF))
    if names is None:
        return ""
    if len(table) < 24 + 8 * len(names) or table[:8] != COOKIE:
        return "it has no table of its own offsets"
    version, free_threaded, *values = struct.unpack_from(f"<{2 + len(names)}Q", table, 8)
    if version != hexversion:
        return f"its table of offsets is that of version {version:#010x}"
    if free_threaded:
        return "its table of offsets is that of a free-threaded build"
    found = dict(zip(names, values, strict=True))
    differing = [
        f"{name} is {found[name]}, not {value}" for name, value in KNOWN.items() if found[name] != value
    ]
    return differing[0] if differing else ""
