"""The memory shared with a target, as ctypes structures: the Python side of ``memscope_abi.h``.

Every name, size and offset here stands in that header too, where it is explained; a test compiles the
header and holds the two against each other. If one moves, raise :data:`ABI_VERSION` on both sides.

Nothing but the shipper opens the rings (:class:`Session`); the tracer knows :class:`Attach` only.
"""

from __future__ import annotations

import ctypes
import enum

ABI_VERSION = 1
SESSION_MAGIC = 0x45504F43534D454D
ATTACH_MAGIC = 0x48434154544D454D
ATTACH_BYTES = 4096
RECORD_BYTES = 64
ENTRY_NAME = "memscope_shim_enter_1"
DEPTH_MAX = 512
READER_TIMEOUT_NS = 1_000_000_000
GENERATION_WRITING = 1 << 62
TIMED_EACH = 61
LOSS_ROOM = 16
NOT_STARTED = 0xFFFFFFFF


class Kind(enum.IntEnum):
    ALLOCATE = 1
    FREE = 2
    REALLOCATE = 3


class Domain(enum.IntEnum):
    RAW = 0
    MEM = 1
    OBJ = 2
    NATIVE = 3


class Flag(enum.IntFlag):
    BY_REALLOC = 1
    NO_GIL = 2
    UNRESOLVED = 4
    TRUNCATED = 8
    NO_STACK = 16


class MetaKind(enum.IntEnum):
    PAD = 1
    CODE = 2
    STACK = 3
    THREAD = 4
    SAMPLING = 5


class Text(enum.IntFlag):
    """How a text of the target is encoded: 0 = ASCII, else bytes per character; CUT is or-ed in."""

    UCS1 = 1
    UCS2 = 2
    UCS4 = 4
    CUT = 8


class Mode(enum.IntEnum):
    OFF = 0
    BYTES = 1
    RATE = 2


class State(enum.IntEnum):
    EMPTY = 0
    ACTIVE = 1
    DETACHED = 2


class Operation(enum.IntEnum):
    ENTER = 1
    LEAVE = 2


class Stage(enum.IntEnum):
    NONE = 0
    STARTED = 1
    SHARED = 2
    QUEUED = 3
    RUNNING = 4
    DONE = 5
    CANCELLED = 6
    FAILED = 7


class Outcome(enum.IntEnum):
    OK = 0
    NOTHING_TO_DO = 1
    LEFT_IN_CHAIN = 2
    MEMFD = -1
    MMAP = -2
    GO_TIMEOUT = -3
    QUEUE_FULL = -4
    NOT_INITIALIZED = -5
    DLOPEN = -6
    DLSYM = -7
    BAD_SESSION = -8
    BAD_VERSION = -9
    ALREADY = -10
    NO_API = -11
    INTERPRETER = -12
    IMAGE = -13


#: Causes of loss, in the order of their counters.
LOSSES = (
    "ALLOC_RING_FULL",
    "ALLOC_TABLE_FULL",
    "ALLOC_CONTENDED",
    "ALLOC_NO_READER",
    "FREE_RING_FULL",
    "FREE_CONTENDED",
    "FREE_NO_READER",
    "STACK_LOST",
    "CODE_LOST",
    "THREAD_LOST",
    "REENTRY",
)

#: Functions and objects of the interpreter that loader and shim are handed, each with the symbols that
#: may stand for it, best first.
PYTHON_API: dict[str, tuple[str, ...]] = {
    "Py_AddPendingCall": ("Py_AddPendingCall",),
    "PyGILState_Ensure": ("PyGILState_Ensure",),
    "PyGILState_Release": ("PyGILState_Release",),
    "Py_IsInitialized": ("Py_IsInitialized",),
    "is_finalizing": ("Py_IsFinalizing", "_Py_IsFinalizing"),
    "PyMem_GetAllocator": ("PyMem_GetAllocator",),
    "PyMem_SetAllocator": ("PyMem_SetAllocator",),
    "PyGILState_GetThisThreadState": ("PyGILState_GetThisThreadState",),
    "current_thread_state": ("PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet"),
    "PyCode_Type": ("PyCode_Type",),
    "PyUnicode_Type": ("PyUnicode_Type",),
    "PyBytes_Type": ("PyBytes_Type",),
}

LIBC_API: dict[str, tuple[str, ...]] = {
    name: (name,)
    for name in ("dlopen", "dlsym", "dlerror", "pthread_create", "pthread_detach", "pthread_self")
}

_u8, _u16, _u32, _i32 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_int32
_u64, _f32, _f64 = ctypes.c_uint64, ctypes.c_float, ctypes.c_double


class Record(ctypes.Structure):
    _fields_ = (
        ("time_ns", _u64),
        ("id", _u64),
        ("other_id", _u64),
        ("address", _u64),
        ("size", _u64),
        ("alloc_time_ns", _u64),
        ("stack", _u32),
        ("weight", _f32),
        ("thread", _u16),
        ("kind", _u8),
        ("domain", _u8),
        ("flags", _u16),
        ("sampling", _u16),
    )


class MetaHead(ctypes.Structure):
    _fields_ = (("size", _u32), ("kind", _u16), ("flags", _u16))


class MetaCode(ctypes.Structure):
    _fields_ = (
        ("head", MetaHead),
        ("code", _u32),
        ("first_line", _i32),
        ("file_bytes", _u32),
        ("name_bytes", _u32),
        ("linetable_bytes", _u32),
        ("file_text", _u8),
        ("name_text", _u8),
        ("reserved", _u16),
    )


class FrameRef(ctypes.Structure):
    _fields_ = (("code", _u32), ("offset", _u32))


class MetaStack(ctypes.Structure):
    _fields_ = (("head", MetaHead), ("stack", _u32), ("frame_count", _u32))


class MetaThread(ctypes.Structure):
    _fields_ = (
        ("head", MetaHead),
        ("thread", _u32),
        ("native_id", _u32),
        ("pthread_id", _u64),
        ("time_ns", _u64),
    )


class MetaSampling(ctypes.Structure):
    _fields_ = (
        ("head", MetaHead),
        ("sampling", _u16),
        ("mode", _u16),
        ("depth", _u32),
        ("value", _f64),
        ("time_ns", _u64),
    )


class LossCounter(ctypes.Structure):
    _fields_ = (("records", _u64), ("weighted_count", _f64), ("weighted_bytes", _f64))


class Control(ctypes.Structure):
    _fields_ = (
        ("generation", _u64),
        ("value", _f64),
        ("seed", _u64),
        ("heartbeat_ns", _u64),
        ("mode", _u32),
        ("depth", _u32),
        ("stacks", _u32),
        ("paused", _u32),
        ("detach", _u32),
        ("reserved", _u32),
    )


class Status(ctypes.Structure):
    _fields_ = (
        ("state", _u32),
        ("hooks_on_top", _u32),
        ("left_in_chain", _u32),
        ("python_hexversion", _u32),
        ("applied_generation", _u64),
        ("entered_ns", _u64),
        ("left_ns", _u64),
        ("live_blocks", _u64),
    )


class Cost(ctypes.Structure):
    _fields_ = (
        ("gil_timed_count", _u64),
        ("gil_timed_ns", _u64),
        ("raw_timed_count", _u64),
        ("raw_timed_ns", _u64),
    )


class Ring(ctypes.Structure):
    _fields_ = (("head", _u64), ("pad0", _u64 * 7), ("tail", _u64), ("pad1", _u64 * 7))


class Session(ctypes.Structure):
    _fields_ = (
        ("magic", _u64),
        ("abi_version", _u32),
        ("header_bytes", _u32),
        ("total_bytes", _u64),
        ("session_id", _u64),
        ("events_offset", _u64),
        ("event_capacity", _u64),
        ("raw_offset", _u64),
        ("raw_capacity", _u64),
        ("meta_offset", _u64),
        ("meta_capacity", _u64),
        ("live_offset", _u64),
        ("live_capacity", _u64),
        ("raw_live_offset", _u64),
        ("raw_live_capacity", _u64),
        ("stacks_offset", _u64),
        ("stack_capacity", _u64),
        ("codes_offset", _u64),
        ("code_capacity", _u64),
        ("reserved0", _u64 * 6),
        ("control", Control),
        ("reserved1", _u64),
        ("status", Status),
        ("reserved2", _u64 * 2),
        ("events", Ring),
        ("raw", Ring),
        ("meta", Ring),
        ("losses", LossCounter * LOSS_ROOM),
        ("image", _u64),
        ("hooks", _u64 * 3),
        ("cost", Cost),
    )


class Live(ctypes.Structure):
    _fields_ = (
        ("address", _u64),
        ("id", _u64),
        ("size", _u64),
        ("time_ns", _u64),
        ("stack", _u32),
        ("weight", _f32),
        ("thread", _u16),
        ("domain", _u8),
        ("is_code", _u8),
        ("sampling", _u32),
        ("next_free", _u32),
        ("far", _u32),
    )


#: Bytes that each unit of a live table's capacity takes: two 32-bit index slots and an entry.
LIVE_BYTES = ctypes.sizeof(Live) + 8


class Slot(ctypes.Structure):
    _fields_ = (("key", _u64), ("value", _u64))


class PythonApi(ctypes.Structure):
    _fields_ = tuple((name, _u64) for name in PYTHON_API)


class LibcApi(ctypes.Structure):
    _fields_ = tuple((name, _u64) for name in LIBC_API)


class Attach(ctypes.Structure):
    _fields_ = (
        ("magic", _u64),
        ("abi_version", _u32),
        ("operation", _u32),
        ("cancel", _u32),
        ("go", _u32),
        ("stage", _u32),
        ("outcome", _i32),
        ("helper_tid", _u32),
        ("shared_fd", _i32),
        ("shared_address", _u64),
        ("shared_bytes", _u64),
        ("pthread_id", _u64),
        ("python_hexversion", _u32),
        ("go_timeout_ms", _u32),
        ("interpreter_current", _u64),
        ("interpreter_main", _u64),
        ("process_id", _u64),
        ("parked", _u32),
        ("park_result", _i32),
        ("python", PythonApi),
        ("libc", LibcApi),
        ("memfd_name", ctypes.c_char * 32),
        ("entry_name", ctypes.c_char * 64),
        ("shim_path", ctypes.c_char * 1024),
        ("error", ctypes.c_char * 512),
        ("debug_offsets", _u64),
        ("entry_address", _u64),
        ("image_address", _u64),
        ("image_bytes", _u64),
        ("library", _u64),
        ("image_digits", _u32),
        ("reserved", _u32),
        ("image_name", ctypes.c_char * 32),
    )
