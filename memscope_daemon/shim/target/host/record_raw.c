/* The RAW side: called from any thread, with or without the GIL, and therefore under a lock of its own
 * that is only ever tried for a bounded time. */
#include "host/control.h"
#include "host/cost.h"
#include "host/event.h"
#include "host/record.h"
#include "io/clock.h"
#include "pure/numbers.h"

#include <errno.h>

static const struct ms_side SIDE = {
    .writer = &ms_shared.raw,
    .live = &ms_shared.raw_live,
    .filter = &ms_raw.filter,
    .last_id = &ms_raw.last_id,
    .blocks = &ms_raw.blocks,
    .id_bit = 1ull << 63,
};

static const int64_t ASLEEP = INT64_MAX / 2;

/* A holder that is not descheduled is out after some hundred nanoseconds. A turn takes 10 to 50 ns, by the
 * processor's idea of a pause: 40 to 200 microseconds until the sample is given up, and counted. */
enum { SPINS_MAX = 4000 };

static bool lock(void)
{
    for (int spin = 0; spin < SPINS_MAX; spin++) {
        if (!__atomic_exchange_n(&ms_raw.lock, 1, __ATOMIC_ACQUIRE))
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

static void unlock(void)
{
    __atomic_store_n(&ms_raw.lock, 0, __ATOMIC_RELEASE);
}

/* Opens a slow path: from here to leave() the session's memory stays mapped. */
static bool enter(struct ms_watch *watch)
{
    if (ms_thread.inside)
        return false;
    ms_thread.inside = true;
    *watch = ms_cost_begin(&ms_thread.untimed);
    __atomic_fetch_add(&ms_raw.inside, 1, __ATOMIC_SEQ_CST);
    return true;
}

static void count_cost(uint64_t passed_ns)
{
    if (__builtin_expect(!passed_ns, 1) || !__atomic_load_n(&ms_active, __ATOMIC_SEQ_CST))
        return;
    struct ms_cost *cost = &ms_shared.head->cost;
    __atomic_fetch_add(&cost->raw_timed_ns, passed_ns, __ATOMIC_RELAXED);
    __atomic_fetch_add(&cost->raw_timed_count, 1, __ATOMIC_RELAXED);
}

static void leave(struct ms_watch watch)
{
    count_cost(ms_cost_end(watch));
    __atomic_fetch_sub(&ms_raw.inside, 1, __ATOMIC_SEQ_CST);
    ms_thread.inside = false;
}

/* The thread state of this thread if it holds the GIL, else NULL. Up to 3.11 the "current" one is that of
 * whoever holds it, so it must be held against our own; from 3.12 it is per thread. */
static const void *state_with_gil(void)
{
    const void *own = ms_python.this_thread_state();
    return own && own == ms_python.current_thread_state() && !ms_is_foreign_nopy(own) ? own : NULL;
}

static struct ms_where where_now(const void *state, double weight, uint64_t size)
{
    if (state)
        return ms_where_now(state, weight, size);
    return (struct ms_where){.thread = ms_thread_if_known_nopy(), .flags = MS_FLAG_NO_GIL};
}

static void draw(uint32_t epoch)
{
    struct ms_setting setting = ms_raw_setting(&epoch);
    ms_sampler_draw(&ms_thread.sampler, &setting);
    ms_thread.epoch = epoch;
}

/* A thread's first decision under a setting: a generator and a gap of its own. */
static void begin(uint32_t epoch, size_t size)
{
    uint64_t seed = __atomic_fetch_add(&ms_raw.seeds, 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED);
    ms_thread.sampler.random = ms_random(&seed);
    draw(epoch);
    ms_thread.sampler.left -= ms_step(size, ms_step_mask(&ms_thread.sampler.setting));
}

static void record(void *address, size_t size, const ms_taken *old, uint64_t now_ns, const void *state)
{
    struct ms_block block = {
        .address = (uint64_t)address,
        .size = size,
        .weight = ms_sampler_weight(&ms_thread.sampler, size),
        .time_ns = now_ns,
        .sampling = ms_thread.sampler.setting.number,
        .domain = MS_DOMAIN_RAW,
    };
    struct ms_where where = where_now(state, block.weight, size);
    if (!lock()) {
        ms_count_loss_nosys(MS_LOSS_ALLOC_CONTENDED, block.weight, size);
        return;
    }
    ms_event_allocated(&SIDE, &block, &where, old ? old->id : 0, old != NULL);
    unlock();
}

static void end(const ms_taken *taken, enum ms_silence silence, uint64_t now_ns, bool by_realloc)
{
    if (silence == MS_RECORDING || silence == MS_SILENT_PAUSED) {
        if (lock()) {
            ms_event_freed(&SIDE, taken, now_ns, ms_thread_if_known_nopy(), by_realloc);
            unlock();
        } else {
            ms_count_loss_nosys(MS_LOSS_FREE_CONTENDED, (double)taken->weight, taken->size);
        }
    } else if (silence == MS_SILENT_NO_READER) {
        ms_count_loss_nosys(MS_LOSS_FREE_NO_READER, (double)taken->weight, taken->size);
    }
}

/* Between taking a block and what became of it one session may have ended and another begun. */
static bool of_this_session(const ms_taken *taken)
{
    return taken->next_free == ms_session_epoch;
}

/* What an OBJ or MEM allocation asks for itself is no allocation of its own: it is decided like any other, and
 * thrown away, which changes nothing for the others. */
static void let_pass(uint32_t epoch, size_t size)
{
    if (ms_thread.epoch != epoch)
        begin(epoch, size);
    if (ms_thread.sampler.left < 0 && ms_sampler_due(&ms_thread.sampler))
        draw(epoch);
}

static void due(void *address, size_t size, const ms_taken *old, enum ms_silence silence, uint64_t now_ns)
{
    const void *state = state_with_gil();
    if (!address || ms_thread.nested)
        return;
    if (silence == MS_RECORDING)
        record(address, size, old, now_ns, state);
    else if (silence == MS_SILENT_NO_READER)
        ms_count_loss_nosys(MS_LOSS_ALLOC_NO_READER, ms_sampler_weight(&ms_thread.sampler, size), size);
}

static void allocated(void *address, size_t size, const ms_taken *old)
{
    uint32_t epoch = __atomic_load_n(&ms_epoch, __ATOMIC_ACQUIRE);
    if (ms_thread.nested && !old && __atomic_load_n(&ms_active, __ATOMIC_SEQ_CST)) {
        let_pass(epoch, size);
        return;
    }
    uint64_t now_ns = ms_clock_ns();
    enum ms_silence silence = ms_silence_nosys(now_ns);
    if (silence == MS_SILENT_OFF) {
        ms_thread.sampler.left = ASLEEP;
        ms_thread.epoch = epoch;
        return;
    }
    if (old && !of_this_session(old))
        old = NULL;
    if (old)
        end(old, silence, now_ns, true);
    if (ms_thread.epoch != epoch)
        begin(epoch, size);
    if (ms_thread.sampler.left < 0 && ms_sampler_due(&ms_thread.sampler)) {
        due(address, size, old, silence, now_ns);
        draw(epoch);
    }
}

void ms_raw_allocated(void *address, size_t size, const ms_taken *old)
{
    int error = errno;
    struct ms_watch watch;
    if (enter(&watch)) {
        allocated(address, size, old);
        leave(watch);
    }
    errno = error;
}

static bool take(void *address, ms_taken *taken)
{
    if (!__atomic_load_n(&ms_active, __ATOMIC_SEQ_CST))
        return false;
    if (!lock()) { /* what the entry stands for is not known without the lock: one record, no weight */
        ms_count_loss_nosys(MS_LOSS_FREE_CONTENDED, 0.0, 0);
        return false;
    }
    struct ms_live *entry = ms_live_find(&ms_shared.raw_live, (uint64_t)address);
    if (entry) {
        ms_entry_take(&SIDE, entry, taken);
        taken->next_free = ms_session_epoch;
    }
    unlock();
    return entry != NULL;
}

void ms_raw_freeing(void *address)
{
    int error = errno;
    ms_taken taken;
    struct ms_watch watch;
    if (enter(&watch)) {
        if (take(address, &taken)) {
            uint64_t now_ns = ms_clock_ns();
            end(&taken, ms_silence_nosys(now_ns), now_ns, false);
        }
        leave(watch);
    }
    errno = error;
}

void ms_raw_take(void *address, ms_taken *old)
{
    int error = errno;
    bool found = false;
    struct ms_watch watch;
    if (enter(&watch)) {
        found = take(address, old);
        leave(watch);
    }
    if (!found)
        old->address = 0;
    errno = error;
}

/* False: its entry is lost, and so will be its end. */
static bool put_back(const ms_taken *old)
{
    if (!lock())
        return false;
    bool stale;
    struct ms_live *entry = ms_live_insert(&ms_shared.raw_live, old->address, false, &stale);
    if (entry) {
        uint32_t far = entry->far;
        *entry = *old;
        entry->far = far;
        ms_filter_add(&ms_raw.filter, (uintptr_t)old->address);
        __atomic_store_n(&ms_raw.blocks, ms_raw.blocks + 1, __ATOMIC_RELAXED);
    }
    unlock();
    return entry != NULL;
}

void ms_raw_put_back(const ms_taken *old)
{
    struct ms_watch watch;
    if (!enter(&watch))
        return;
    if (__atomic_load_n(&ms_active, __ATOMIC_SEQ_CST) && of_this_session(old) && !put_back(old))
        ms_count_loss_nosys(MS_LOSS_FREE_CONTENDED, (double)old->weight, old->size);
    leave(watch);
}
