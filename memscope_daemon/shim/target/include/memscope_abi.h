/* memscope_abi.h: everything that crosses the border of the target process.
 *
 * Two structures are shared between the target and the outside:
 *
 *   struct ms_attach   one page of private memory in the target, written by the tracer before the
 *                      injected call, read and answered by the loader and the shim. Lives for
 *                      milliseconds.
 *   struct ms_session  the head of the shared memory (a memfd made by the loader, sized and filled in
 *                      from outside by the shipper). Lives as long as the session. Behind it, at the
 *                      offsets it names, lie the rings and tables.
 *
 * Layout is the contract. Every size and offset is asserted here and held against
 * memscope_daemon/shim/layout.py by a test. If one moves, raise MS_ABI_VERSION.
 *
 * All-zero state is "off" and safe. The reader outside treats everything in here as hostile:
 * copy, bound, then use. The shim does the same with the control words.
 */
#ifndef MEMSCOPE_ABI_H
#define MEMSCOPE_ABI_H

#include <stddef.h>
#include <stdint.h>

#define MS_ABI_VERSION 1u
#define MS_SESSION_MAGIC 0x45504f43534d454dull /* "MEMSCOPE", little-endian */
#define MS_ATTACH_MAGIC 0x48434154544d454dull  /* "MEMTTACH" */

/* ------------------------------------------------------------------------------------------------
 * Events: one 64-byte record, one cache line, in a ring of a power of two records.
 * A record has room for what later producers fill in (type, task, native blocks); 0 = "not set".
 */
enum ms_kind {
    MS_KIND_NONE = 0,
    MS_KIND_ALLOCATE = 1,
    MS_KIND_FREE = 2,       /* carries size, stack and weight of the block that goes */
    MS_KIND_REALLOCATE = 3, /* the new block; other_id = the old block, if that one was sampled.
                               A sampled old block is reported just before, as FREE with
                               MS_FLAG_BY_REALLOC: both together are the one event */
};

enum ms_domain { MS_DOMAIN_RAW = 0, MS_DOMAIN_MEM = 1, MS_DOMAIN_OBJ = 2, MS_DOMAIN_NATIVE = 3 };

enum ms_flag {
    MS_FLAG_BY_REALLOC = 1,  /* this FREE is the first half of a reallocation */
    MS_FLAG_NO_GIL = 2,      /* taken without the GIL: no Python stack */
    MS_FLAG_UNRESOLVED = 4,  /* there was a stack, but it could not be interned (counted) */
    MS_FLAG_TRUNCATED = 8,   /* the stack was deeper than the depth asked for */
    MS_FLAG_NO_STACK = 16,   /* stacks are switched off */
};

struct ms_record {
    uint64_t time_ns;   /* CLOCK_MONOTONIC */
    uint64_t id;        /* allocation id, > 0, unique in the session; bit 63 set in the RAW ring.
                           REALLOCATE of a block that is not sampled any more: never emitted */
    uint64_t other_id;  /* REALLOCATE: id of the old block or 0. FREE by realloc: id of the new or 0 */
    uint64_t address;
    uint64_t size;      /* bytes requested */
    uint64_t alloc_time_ns; /* FREE: when the block was allocated; else 0 */
    uint32_t stack;     /* interned stack id, 0 = not set */
    float weight;       /* 1/probability: how many allocations this record stands for, >= 1 */
    uint16_t thread;    /* thread index, 0 = not known */
    uint8_t kind;       /* enum ms_kind */
    uint8_t domain;     /* enum ms_domain */
    uint16_t flags;     /* enum ms_flag */
    uint16_t sampling;  /* which sampling setting decided (MS_META_SAMPLING) */
};
_Static_assert(sizeof(struct ms_record) == 64, "record is one cache line");
_Static_assert(offsetof(struct ms_record, stack) == 48, "layout.py");
_Static_assert(offsetof(struct ms_record, sampling) == 62, "layout.py");

/* ------------------------------------------------------------------------------------------------
 * Metadata: a byte ring of entries, each 8-byte aligned, each starting with this head.
 * An entry never wraps: MS_META_PAD fills the rest of the ring up to its end.
 * An entry is published before the first event that refers to it. A reader therefore takes the event
 * heads first, then the metadata head, then reads metadata, then events.
 */
enum ms_meta_kind {
    MS_META_PAD = 1,
    MS_META_CODE = 2,
    MS_META_STACK = 3,
    MS_META_THREAD = 4,
    MS_META_SAMPLING = 5,
};

struct ms_meta_head {
    uint32_t size; /* of the whole entry, head included, multiple of 8, >= 8 */
    uint16_t kind;
    uint16_t flags;
};

enum ms_text { MS_TEXT_ASCII = 0, MS_TEXT_UCS1 = 1, MS_TEXT_UCS2 = 2, MS_TEXT_UCS4 = 4, MS_TEXT_CUT = 8 };

/* A code object, once. Texts follow back to back: file name, name, line table (bytes as counted here).
 * file_text/name_text: enum ms_text, MS_TEXT_CUT or-ed in where the text was cut at its bound.
 * linetable_bytes 0 with MS_CODE_NO_LINES: the table was over the bound; only first_line is known. */
enum ms_code_flag { MS_CODE_NO_LINES = 1 };
struct ms_meta_code {
    struct ms_meta_head head;
    uint32_t code;       /* code id, > 0 */
    int32_t first_line;
    uint32_t file_bytes;
    uint32_t name_bytes; /* co_qualname on 3.11+, co_name before */
    uint32_t linetable_bytes;
    uint8_t file_text;
    uint8_t name_text;
    uint16_t reserved;
};
_Static_assert(sizeof(struct ms_meta_code) == 32, "layout.py");

/* A stack, once. frame_count pairs follow, innermost first. */
struct ms_frame_ref {
    uint32_t code;   /* code id, 0 = unresolved */
    uint32_t offset; /* of the current instruction, bytes from the start of the code's instructions;
                        0xffffffff = not started */
};
struct ms_meta_stack {
    struct ms_meta_head head;
    uint32_t stack; /* stack id, > 0 */
    uint32_t frame_count;
};
_Static_assert(sizeof(struct ms_meta_stack) == 16, "layout.py");

struct ms_meta_thread {
    struct ms_meta_head head;
    uint32_t thread;     /* thread index, > 0 */
    uint32_t native_id;  /* gettid() in the target's PID namespace */
    uint64_t pthread_id; /* pthread_self(), = threading.get_ident() */
    uint64_t time_ns;    /* first seen */
};
_Static_assert(sizeof(struct ms_meta_thread) == 32, "layout.py");

/* A sampling setting came into force in the target. */
struct ms_meta_sampling {
    struct ms_meta_head head;
    uint16_t sampling; /* number used in records */
    uint16_t mode;     /* enum ms_mode */
    uint32_t depth;
    double value;
    uint64_t time_ns;
};
_Static_assert(sizeof(struct ms_meta_sampling) == 32, "layout.py");

/* ------------------------------------------------------------------------------------------------
 * Losses. One list, expanded everywhere (C, layout.py, proto). Each cause has three counters:
 * records, their weighted bytes (sum of weight * size, double), and the weighted count.
 * New causes go to the end.
 */
#define MS_LOSSES(X)                                                                   \
    X(ALLOC_RING_FULL)  /* allocation decided, ring full: not recorded, not followed */ \
    X(ALLOC_TABLE_FULL) /* allocation decided, live table full: the same */             \
    X(ALLOC_CONTENDED)  /* RAW allocation while another thread held the RAW lock */     \
    X(ALLOC_NO_READER)  /* allocation decided while nobody was reading */               \
    X(FREE_RING_FULL)   /* a sampled block went, ring full: live figures too high */    \
    X(FREE_CONTENDED)   /* RAW free, lock held: live figures too high */                \
    X(FREE_NO_READER)   /* freed while nobody was reading */                            \
    X(STACK_LOST)       /* event recorded, its stack could not be interned */           \
    X(CODE_LOST)        /* a code object could not be copied (frame is "unresolved") */ \
    X(THREAD_LOST)      /* event recorded, thread table or metadata ring full */        \
    X(REENTRY)          /* hook entered from inside itself: must stay 0 */

enum ms_loss {
#define MS_LOSS_ENUM(name) MS_LOSS_##name,
    MS_LOSSES(MS_LOSS_ENUM)
#undef MS_LOSS_ENUM
        MS_LOSS_COUNT,
    MS_LOSS_ROOM = 16
};
_Static_assert((int)MS_LOSS_COUNT <= (int)MS_LOSS_ROOM, "loss counters have room");

struct ms_loss_counter {
    uint64_t records;
    double weighted_count;
    double weighted_bytes;
};

/* ------------------------------------------------------------------------------------------------
 * Control: written by the shipper, read by the shim on its slow path only.
 * To change the setting: mark `generation` with MS_GENERATION_WRITING, write the words, then raise it, without
 * the mark (release). What is read under the mark, or while the generation changes, may be half of one setting
 * and half of another, and is not taken. `paused` and `detach` are looked at by themselves.
 */
#define MS_GENERATION_WRITING (1ull << 62)
enum ms_mode { MS_MODE_OFF = 0, MS_MODE_BYTES = 1, MS_MODE_RATE = 2 };

struct ms_control {
    uint64_t generation;
    double value;          /* bytes mode: mean bytes between samples; rate mode: probability (0, 1] */
    uint64_t seed;         /* of the sampler; always set (random unless asked for) */
    uint64_t heartbeat_ns; /* CLOCK_MONOTONIC when the shipper last looked; older than
                              MS_READER_TIMEOUT_NS = nobody reads, the shim is quiet */
    uint32_t mode;         /* enum ms_mode */
    uint32_t depth;        /* frames per stack, 0..MS_DEPTH_MAX; 0 = innermost frame only is NOT taken */
    uint32_t stacks;       /* 0: take the innermost frame only (the site), whatever the depth */
    uint32_t paused;
    uint32_t detach;       /* 1: take the hooks out at the next slow path under the GIL */
    uint32_t reserved;
};
_Static_assert(sizeof(struct ms_control) == 56, "layout.py");

#define MS_READER_TIMEOUT_NS 1000000000ull
#define MS_DEPTH_MAX 512u

/* Answered by the shim. */
enum ms_state {
    MS_STATE_EMPTY = 0,    /* shared memory made, shim not entered yet */
    MS_STATE_ACTIVE = 1,   /* hooks are in */
    MS_STATE_DETACHED = 2, /* hooks are out (or turned into pass-through), nothing will be written */
};
struct ms_status {
    uint32_t state;           /* enum ms_state; written last, with release */
    uint32_t hooks_on_top;    /* bit per domain: hook was installed */
    uint32_t left_in_chain;   /* on DETACHED: bit per domain that had to stay as pass-through */
    uint32_t python_hexversion;
    uint64_t applied_generation; /* of the control words, last seen by the shim */
    uint64_t entered_ns;
    uint64_t left_ns;
    uint64_t live_blocks;     /* sampled blocks in both live tables */
};
_Static_assert(sizeof(struct ms_status) == 48, "layout.py");

/* What the slow paths cost the target: on each side one pass in MS_TIMED_EACH is timed. The first two words are
 * written under the GIL, the others atomically by whichever thread. */
struct ms_cost {
    uint64_t gil_timed_count;
    uint64_t gil_timed_ns; /* the readings of the clock not counted in */
    uint64_t raw_timed_count;
    uint64_t raw_timed_ns;
};
_Static_assert(sizeof(struct ms_cost) == 32, "layout.py");

#define MS_TIMED_EACH 61u /* a prime: where allocations and frees alternate, both are met */

/* head: written by the target only. tail: written by the shipper only. Both only ever grow;
 * position = value & (capacity - 1). Each on a cache line of its own. Unit: records or bytes. */
struct ms_ring {
    uint64_t head;
    uint64_t pad0[7];
    uint64_t tail;
    uint64_t pad1[7];
};
_Static_assert(sizeof(struct ms_ring) == 128, "layout.py");

/* The head of the shared memory. Offsets are from its start; capacities are powers of two.
 * Written once by the shipper before the shim is entered; the shim checks every one of them against
 * the mapping's length and refuses (MS_ENTER_BAD_SESSION) what does not fit. */
struct ms_session {
    uint64_t magic;
    uint32_t abi_version;
    uint32_t header_bytes; /* sizeof(struct ms_session) */
    uint64_t total_bytes;
    uint64_t session_id;
    uint64_t events_offset; /* ms_record[event_capacity]: OBJ and MEM, single producer under the GIL */
    uint64_t event_capacity;
    uint64_t raw_offset; /* ms_record[raw_capacity]: RAW, producers serialised by a try-lock */
    uint64_t raw_capacity;
    uint64_t meta_offset; /* metadata bytes, meta_capacity of them */
    uint64_t meta_capacity;
    uint64_t live_offset; /* live_capacity * MS_LIVE_BYTES, private to the shim */
    uint64_t live_capacity;
    uint64_t raw_live_offset;
    uint64_t raw_live_capacity;
    uint64_t stacks_offset; /* struct ms_slot[stack_capacity], private to the shim */
    uint64_t stack_capacity;
    uint64_t codes_offset; /* struct ms_slot[code_capacity], private to the shim */
    uint64_t code_capacity;
    uint64_t reserved0[6];
    struct ms_control control; /* at 192 */
    uint64_t reserved1;
    struct ms_status status;   /* at 256 */
    uint64_t reserved2[2];
    struct ms_ring events; /* at 320 */
    struct ms_ring raw;    /* at 448 */
    struct ms_ring meta;   /* at 576 */
    struct ms_loss_counter losses[MS_LOSS_ROOM]; /* at 704 */
    uint64_t image;    /* an address in the interpreter's data (PyCode_Type): its allocator tables lie near */
    uint64_t hooks[3]; /* our malloc of each domain, as it stands in those tables while the hooks are in */
    struct ms_cost cost;
};
_Static_assert(offsetof(struct ms_session, control) == 192, "layout.py");
_Static_assert(offsetof(struct ms_session, status) == 256, "layout.py");
_Static_assert(offsetof(struct ms_session, events) == 320, "layout.py");
_Static_assert(offsetof(struct ms_session, losses) == 704, "layout.py");
_Static_assert(sizeof(struct ms_session) == 1152, "layout.py");

/* A live table of capacity N takes N * MS_LIVE_BYTES: first its index (MS_LIVE_SLOTS 32-bit slots per
 * entry), then N entries. Private to the shim. */
#define MS_LIVE_SLOTS 2u
struct ms_live {
    uint64_t address;
    uint64_t id;
    uint64_t size;
    uint64_t time_ns;
    uint32_t stack;
    float weight;
    uint16_t thread;
    uint8_t domain;
    uint8_t is_code; /* enum ms_live_kind: a sampled block, a code object we know by id, or both in one */
    uint32_t sampling;
    uint32_t next_free;
    uint32_t far;
};
_Static_assert(sizeof(struct ms_live) == 56, "layout.py");
#define MS_LIVE_BYTES (sizeof(struct ms_live) + 4 * MS_LIVE_SLOTS)

struct ms_slot {
    uint64_t key; /* 0 = free */
    uint64_t value;
};

/* ------------------------------------------------------------------------------------------------
 * The attach page: tracer -> loader and shim, and their answers.
 *
 * Functions are found from outside, in the .dynsym of the files that are mapped (never by guessing a
 * layout), so an interpreter loaded RTLD_LOCAL or a static executable is all the same to us.
 */
#define MS_PYTHON_API(X)                                                                        \
    X(Py_AddPendingCall)                                                                        \
    X(PyGILState_Ensure)                                                                        \
    X(PyGILState_Release)                                                                       \
    X(Py_IsInitialized)                                                                         \
    X(is_finalizing)     /* Py_IsFinalizing (3.13+) or _Py_IsFinalizing */                      \
    X(PyMem_GetAllocator)                                                                       \
    X(PyMem_SetAllocator)                                                                       \
    X(PyGILState_GetThisThreadState)                                                            \
    X(current_thread_state) /* PyThreadState_GetUnchecked (3.13+) or _PyThreadState_UncheckedGet */ \
    X(PyCode_Type)                                                                              \
    X(PyUnicode_Type)                                                                           \
    X(PyBytes_Type)

#define MS_LIBC_API(X) \
    X(dlopen)          \
    X(dlsym)           \
    X(dlerror)         \
    X(pthread_create)  \
    X(pthread_detach)  \
    X(pthread_self)

struct ms_python_api {
#define MS_FIELD(name) uint64_t name;
    MS_PYTHON_API(MS_FIELD)
};
struct ms_libc_api {
    MS_LIBC_API(MS_FIELD)
#undef MS_FIELD
};

enum ms_operation {
    MS_OP_ENTER = 1, /* hooks in */
    MS_OP_LEAVE = 2, /* hooks out */
};

/* How far the injected call has come; only ever grows. */
enum ms_stage {
    MS_STAGE_NONE = 0,
    MS_STAGE_STARTED = 1,   /* the helper thread runs */
    MS_STAGE_SHARED = 2,    /* memfd made and mapped (ENTER only); waiting for `go` */
    MS_STAGE_QUEUED = 3,    /* K: Py_AddPendingCall returned 0. P: about to ask for the GIL */
    MS_STAGE_RUNNING = 4,   /* has the GIL and was not cancelled: can no longer be cancelled */
    MS_STAGE_DONE = 5,      /* outcome is valid */
    MS_STAGE_CANCELLED = 6, /* saw `cancel`: did nothing and never will */
    MS_STAGE_FAILED = 7,    /* gave up before the GIL; outcome says why */
};

/* Outcomes. Negative = refused or failed, nothing installed. */
enum ms_outcome {
    MS_OK = 0,
    MS_ENTER_NOTHING_TO_DO = 1, /* LEAVE: no hooks of ours were in */
    MS_LEFT_IN_CHAIN = 2,       /* LEAVE: another tool is on top; ours pass through now */
    MS_FAIL_MEMFD = -1,
    MS_FAIL_MMAP = -2,
    MS_FAIL_GO_TIMEOUT = -3,    /* nobody said `go` in time */
    MS_FAIL_QUEUE_FULL = -4,    /* Py_AddPendingCall said -1: try again */
    MS_FAIL_NOT_INITIALIZED = -5,
    MS_FAIL_DLOPEN = -6,        /* error[] has dlerror()'s text */
    MS_FAIL_DLSYM = -7,
    MS_ENTER_BAD_SESSION = -8,
    MS_ENTER_BAD_VERSION = -9,  /* abi or an interpreter that the shim does not know */
    MS_ENTER_ALREADY = -10,     /* another session is active in this process */
    MS_ENTER_NO_API = -11,
    MS_FAIL_INTERPRETER = -12,  /* the call came to a subinterpreter: it did nothing */
    MS_FAIL_IMAGE = -13,        /* no file could be made of the image */
};

#define MS_ATTACH_BYTES 4096u
struct ms_attach {
    uint64_t magic;
    uint32_t abi_version;
    uint32_t operation; /* enum ms_operation */
    /* --- words that change, each on its own; `cancel` and `go` are written from outside only --- */
    uint32_t cancel; /* 1: do nothing. Looked at before the GIL-side work begins */
    uint32_t go;     /* 1: the shared memory is sized and filled in */
    uint32_t stage;  /* enum ms_stage */
    int32_t outcome; /* enum ms_outcome */
    uint32_t helper_tid; /* K: kernel clears it when the helper thread is gone (CLONE_CHILD_CLEARTID);
                            P: the thread's tid, set by the loader; gone when the task is */
    int32_t shared_fd;   /* valid from MS_STAGE_SHARED until `go` */
    uint64_t shared_address;
    uint64_t shared_bytes; /* wanted length; set from outside */
    uint64_t pthread_id;   /* room for pthread_create's result */
    uint32_t python_hexversion; /* from the Py_Version symbol or the file's name */
    uint32_t go_timeout_ms;
    uint64_t interpreter_current; /* PyInterpreterState_Get, 0 = not known */
    uint64_t interpreter_main;    /* PyInterpreterState_Main */
    uint64_t process_id;          /* the helper thread's own, set by it: a forked child has another */
    uint32_t parked;              /* P: 1 = pthread_create is over, its caller waits in ms_loader_park */
    int32_t park_result;          /* what it returned; valid once `parked` is set */
    struct ms_python_api python; /* at 104 */
    struct ms_libc_api libc;     /* at 200 */
    char memfd_name[32];         /* at 248 */
    char entry_name[64];         /* symbol in the shim: int (*)(struct ms_attach *) */
    char shim_path[1024];        /* as the target sees it */
    char error[512];             /* text for a human, NUL-terminated */
    uint64_t debug_offsets;      /* address of _PyRuntime's _Py_DebugOffsets, 0 = not known */
    uint64_t entry_address;      /* of a shim that is mapped already; 0: load it */
    uint64_t image_address;      /* the shim's file, in our region, where the target cannot see it itself; else 0 */
    uint64_t image_bytes;
    uint64_t library;            /* what dlopen returned for an image, set by the loader */
    uint32_t image_digits;       /* shim_path ends here in the number of the descriptor, set by the loader */
    uint32_t reserved;
    char image_name[32];         /* of the memfd */
};
_Static_assert(offsetof(struct ms_attach, parked) == 96, "ms_loader_park, layout.py");
_Static_assert(offsetof(struct ms_attach, park_result) == 100, "ms_loader_park, layout.py");
_Static_assert(offsetof(struct ms_attach, python) == 104, "layout.py");
_Static_assert(offsetof(struct ms_attach, libc) == 200, "layout.py");
_Static_assert(offsetof(struct ms_attach, memfd_name) == 248, "layout.py");
_Static_assert(sizeof(struct ms_attach) <= MS_ATTACH_BYTES, "one page");

#define MS_ENTRY_NAME "memscope_shim_enter_1"

#endif
