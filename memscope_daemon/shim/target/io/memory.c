#include "io/memory.h"

#include "host/state.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

/* Turns of waiting for RAW threads to come out. Each gives the processor away: one that was descheduled
 * inside gets its chance. Some milliseconds at most. */
enum { TURNS_MAX = 200 };

/* Word by word, each a single store: RAW threads look at theirs at any moment. */
static void clear(struct ms_filter *filter)
{
    uint64_t *word = (uint64_t *)filter->count;
    for (size_t i = 0; i < sizeof filter->count / sizeof *word; i++)
        __atomic_store_n(&word[i], 0, __ATOMIC_RELAXED);
}

void ms_memory_clear_filters(void)
{
    clear(&ms_gil.filter);
    clear(&ms_raw.filter);
}

static bool raw_threads_out(void)
{
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        if (!__atomic_load_n(&ms_raw.inside, __ATOMIC_SEQ_CST))
            return true;
        sched_yield();
    }
    return false;
}

void ms_memory_close_session(void)
{
    struct ms_session *head = ms_shared.head;
    uint64_t bytes = ms_shared.bytes;
    if (!head || !raw_threads_out())
        return;
    ms_shared.head = NULL;
    munmap(head, bytes);
}

bool ms_memory_open_session(void *base, uint64_t bytes)
{
    ms_memory_close_session(); /* one that could not be unmapped, or that a fork left us */
    if (ms_shared.head) /* a RAW thread is still in there, and must not find another under its feet */
        return false;
    if (!ms_shared_open(&ms_shared, base, bytes))
        return false;
    /* The loader kept it from children. From now on a child without it would be worse: one that was made
     * past fork handlers (a bare clone) has our hooks. Those made properly give it back in in_child. */
    madvise(base, bytes, MADV_DOFORK);
    return true;
}

/* The child has its parent's hooks and rings. It must never write there: everything is switched off before
 * any code of the program runs in it, and their memory is given back, which would otherwise live as long as
 * the child. Locks may have been held by threads that do not exist here. */
static void in_child(void)
{
    bool inside = ms_gil.inside || ms_thread.inside;
    ms_active = 0;
    ms_raw.inside = 0;
    ms_raw.lock = 0;
    ms_gil.inside = false;
    ms_thread.inside = false;
    ms_thread.nested = false;
    ms_gil.others = ms_gil.apart = false;
    ms_gil.sampler.left = INT64_MAX / 2;
    ms_thread.sampler.left = INT64_MAX / 2;
    ms_memory_clear_filters();
    if (!inside) /* else this very thread, forking in a signal handler, goes on in there */
        ms_memory_close_session();
}

void ms_memory_silence_children(void)
{
    static bool registered;
    if (!registered)
        registered = pthread_atfork(NULL, NULL, in_child) == 0;
}
