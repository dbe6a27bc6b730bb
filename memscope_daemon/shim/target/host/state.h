/* state.h: everything the shim keeps inside the target, and who may touch it.
 *
 *   owner    what
 *   GIL      ms_gil: sampler, filter, live table, event ring, metadata ring, interning, stack walk
 *   RAW lock ms_raw: filter, live table and ring of the RAW domain (called with and without the GIL)
 *   thread   ms_thread (thread-local): RAW sampler, thread number
 *   any      loss counters: plain adds under the GIL, atomic adds elsewhere
 *
 * All zero is "off": counters at zero lead to the slow path, which finds nothing active and goes home.
 * The library is never unmapped, so all of this stays for the life of the process.
 */
#ifndef MS_STATE_H
#define MS_STATE_H

#include "host/python.h"
#include "memscope_abi.h"
#include "pure/filter.h"
#include "pure/sampler.h"
#include "pure/session.h"

#include <stdbool.h>

enum { MS_DOMAINS = 3 };

/* Why nothing is recorded at the moment. Ordered: the first that holds is meant. */
enum ms_silence {
    MS_RECORDING = 0,
    MS_SILENT_OFF,      /* no session */
    MS_SILENT_FORKED,   /* a forked child: the rings are its parent's */
    MS_SILENT_ENDING,   /* the interpreter is finalising or gone */
    MS_SILENT_PAUSED,   /* asked to pause */
    MS_SILENT_NO_READER, /* nobody reads (the only one that counts losses) */
};

/* Innermost first. code/instruction are what was walked; number is the interned code, valid as long as
 * `code` has not changed; hash is that of this frame and all outside it. */
struct ms_walked_frame {
    const void *code;
    uint64_t instruction;
    uint64_t hash;
    uint32_t number;
    uint32_t offset;
};

struct ms_walk {
    uint32_t count;
    uint32_t stack; /* the interned number of frames[0..count), 0 = not interned */
    uint32_t changed_below; /* frames from this index outward are as they were when last hashed */
    bool truncated;
    struct ms_walked_frame frames[MS_DEPTH_MAX];
};

struct ms_gil_state {
    struct ms_sampler sampler; /* first: `left` is the hot word */
    uint64_t step_mask;        /* ms_step_mask of the sampler's setting */
    float rate_weight;         /* rate mode: the weight of every sample; 0 in bytes mode */
    uint32_t events;           /* passed since the status words were refreshed */
    uint32_t untimed;          /* passes since one was timed */
    bool inside;               /* in the slow path */
    bool others;               /* another interpreter came by, perhaps with a GIL of its own */
    bool apart;                /* because of that, `own` counts instead of `sampler` */
    uint64_t last_id;
    uint64_t blocks;     /* in the live table, code objects not counted */
    uint64_t generation; /* of the control words, as applied */
    uint64_t seed;       /* of the control words, as last seen: a new one begins the dice anew */
    struct ms_sampler own;
    uint32_t last_thread;
    struct ms_setting setting; /* newest */
    struct ms_walk walk;
    struct ms_filter filter;
};

enum { MS_SETTING_WORDS = sizeof(struct ms_setting) / 8 };
_Static_assert(sizeof(struct ms_setting) % 8 == 0, "it is copied in words");

struct ms_raw_state {
    uint64_t step_mask; /* of the newest setting */
    uint32_t lock;
    uint32_t inside; /* threads in a RAW slow path */
    uint64_t last_id;
    uint64_t blocks;
    uint64_t seeds; /* drawn so far */
    uint64_t setting[8][MS_SETTING_WORDS]; /* [ms_epoch & 7] is the newest: read without a lock, word by word */
    struct ms_filter filter;
};

/* Thread-local, initial-exec, and therefore small: it comes out of the static TLS surplus. */
struct ms_thread_state {
    struct ms_sampler sampler;
    uint32_t epoch;         /* ms_epoch when the sampler was drawn */
    uint32_t session_epoch; /* ms_session_epoch when `number` was given */
    uint32_t untimed;       /* passes since one was timed */
    uint16_t number;        /* this thread's in the session */
    bool inside;
    bool nested; /* inside an original OBJ/MEM function: RAW calls now are its own */
};

extern struct ms_gil_state ms_gil;
extern struct ms_raw_state ms_raw;
extern __thread struct ms_thread_state ms_thread;

extern struct ms_python ms_python;
extern const struct ms_layout *ms_layout; /* NULL: never entered */
/* 3.12+: the main interpreter. A subinterpreter may have a GIL of its own there, so that its threads come
 * by at any moment: what is ours under "the" GIL is not theirs to touch. NULL before: one GIL for all. */
extern const void *ms_interpreter;
extern struct ms_allocator ms_original[MS_DOMAINS];
extern struct ms_shared ms_shared;

/* Raised whenever RAW samplers must be drawn anew (session, setting); never 0 once entered. */
extern uint32_t ms_epoch;
/* Raised with each session: thread numbers of older ones are void. */
extern uint32_t ms_session_epoch;
/* 1 while a session records. Cleared first on leaving, and in a forked child. */
extern uint32_t ms_active;

/* Why is nothing recorded now? (Calls Py_IsInitialized, which reads a word: it is 0 from the moment that
 * finalisation begins.) `now_ns` 0: do not look at the reader's heartbeat. */
enum ms_silence ms_silence_nosys(uint64_t now_ns);

/* Does this thread state belong to another interpreter than the one we follow? */
static inline bool ms_is_foreign_nopy(const void *thread_state)
{
    return ms_interpreter && thread_state && ms_pointer_at(thread_state, MS_TSTATE_INTERPRETER) != ms_interpreter;
}

/* The stream of decisions of the GIL side. Under the GIL of the interpreter we follow. */
static inline struct ms_sampler *ms_gil_sampler(void)
{
    return __builtin_expect(ms_gil.apart, 0) ? &ms_gil.own : &ms_gil.sampler;
}

/* Does this thread run another interpreter than the one we follow? */
static inline bool ms_in_foreign_interpreter(void)
{
    return __builtin_expect(ms_interpreter != NULL, 0) && ms_is_foreign_nopy(ms_python.current_thread_state());
}

/* The setting that threads of the RAW side draw with from `epoch` on, before that is made known. */
void ms_raw_publish_setting(uint32_t epoch, const struct ms_setting *setting);

/* The setting of *epoch. It has gone by if seven more came meanwhile: then the newest, and *epoch is its. */
struct ms_setting ms_raw_setting(uint32_t *epoch);

void ms_count_loss_nosys(enum ms_loss cause, double weight, uint64_t size);

#endif
