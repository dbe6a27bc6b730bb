/* The GIL side: OBJ and MEM. */
#include "host/code.h"
#include "host/control.h"
#include "host/cost.h"
#include "host/event.h"
#include "host/hooks.h"
#include "host/record.h"
#include "io/clock.h"

#include <errno.h>

static const struct ms_side SIDE = {
    .writer = &ms_shared.events,
    .live = &ms_shared.live,
    .filter = &ms_gil.filter,
    .last_id = &ms_gil.last_id,
    .blocks = &ms_gil.blocks,
};

/* No allocation comes by here again before this many bytes: only entering a session changes that. */
static const int64_t ASLEEP = INT64_MAX / 2;

/* What the counter shared with other interpreters is held at: each of their allocations, and of ours, comes
 * by the slow path. */
static const int64_t PINNED = INT64_MIN / 2;

static void count_cost(uint64_t passed_ns)
{
    if (__builtin_expect(!passed_ns, 1) || !ms_active) /* left meanwhile: the memory is unmapped */
        return;
    struct ms_cost *cost = &ms_shared.head->cost;
    __atomic_store_n(&cost->gil_timed_ns, cost->gil_timed_ns + passed_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&cost->gil_timed_count, cost->gil_timed_count + 1, __ATOMIC_RELAXED);
}

static double weight_of(size_t size)
{
    return ms_gil.rate_weight > 0.0f ? (double)ms_gil.rate_weight : ms_sampler_weight(ms_gil_sampler(), size);
}

/* Interpreters with a GIL of their own (3.12+) take from the hot counter at the very moment at which ours
 * does. Once one was seen, ours are counted here, under our GIL, where nobody else does. The gap begins anew:
 * what is left of an exponential one has the same distribution as a fresh one. */
static void count_apart(size_t size)
{
    if (!ms_gil.apart) {
        ms_gil.own.random = ms_gil.sampler.random;
        ms_sampler_draw(&ms_gil.own, &ms_gil.setting);
        ms_gil.apart = true;
    }
    ms_gil.sampler.left = PINNED;
    ms_gil.own.left -= ms_step(size, ms_gil.step_mask);
}

static void record(int domain, void *address, size_t size, const ms_taken *old, uint64_t now_ns)
{
    struct ms_block block = {
        .address = (uint64_t)address,
        .size = size,
        .weight = weight_of(size),
        .time_ns = now_ns,
        .sampling = ms_gil_sampler()->setting.number,
        .domain = (uint8_t)domain,
    };
    if (!ms_event_has_room(&SIDE)) { /* then nobody need walk the stack: who falls behind costs less, not more */
        ms_count_loss_nosys(MS_LOSS_ALLOC_RING_FULL, block.weight, size);
        return;
    }
    struct ms_where where = ms_where_now(ms_python.current_thread_state(), block.weight, size);
    ms_event_allocated(&SIDE, &block, &where, old ? old->id : 0, old != NULL);
}

static void lose(void *address, size_t size)
{
    if (address)
        ms_count_loss_nosys(MS_LOSS_ALLOC_NO_READER, weight_of(size), size);
}

static void end_old(const ms_taken *old, enum ms_silence silence, uint64_t now_ns)
{
    uint16_t thread = ms_thread_if_known_nopy();
    if (silence == MS_RECORDING || silence == MS_SILENT_PAUSED)
        ms_event_freed(&SIDE, old, now_ns, thread, true);
    else if (silence == MS_SILENT_NO_READER)
        ms_count_loss_nosys(MS_LOSS_FREE_NO_READER, (double)old->weight, old->size);
}

static void allocated(int domain, void *address, size_t size, const ms_taken *old)
{
    uint64_t now_ns = ms_clock_cached_ns();
    enum ms_silence silence = ms_silence_nosys(now_ns);
    if (silence == MS_SILENT_OFF) {
        ms_gil.sampler.left = ASLEEP;
        return;
    }
    if (old)
        end_old(old, silence, now_ns);
    if (__builtin_expect(ms_gil.others, 0))
        count_apart(size);
    struct ms_sampler *sampler = ms_gil_sampler();
    if (sampler->left < 0 && ms_sampler_due(sampler)) {
        if (silence == MS_RECORDING && address)
            record(domain, address, size, old, now_ns);
        else if (silence == MS_SILENT_NO_READER)
            lose(address, size);
        ms_sampler_draw(sampler, &ms_gil.setting);
    }
    ms_control_apply_nopy();
    if (++ms_gil.events % 64 == 0 || ms_gil.setting.mode == MS_MODE_BYTES)
        __atomic_store_n(&ms_shared.head->status.live_blocks,
                         ms_gil.blocks + __atomic_load_n(&ms_raw.blocks, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    if (__builtin_expect(__atomic_load_n(&ms_shared.head->control.detach, __ATOMIC_RELAXED), 0)) {
        int error = errno;
        ms_hooks_leave();
        errno = error;
    }
}

void ms_gil_allocated(int domain, void *address, size_t size, const ms_taken *old)
{
    if (ms_in_foreign_interpreter()) { /* nothing else here is its to touch */
        ms_gil.others = true;
        return;
    }
    if (ms_gil.inside) {
        if (ms_active)
            ms_count_loss_nosys(MS_LOSS_REENTRY, 0.0, size);
        return;
    }
    ms_gil.inside = true;
    struct ms_watch watch = ms_cost_begin(&ms_gil.untimed);
    allocated(domain, address, size, old);
    count_cost(ms_cost_end(watch));
    ms_gil.inside = false;
}

/* The entry of the sampled block at `address`, which ends; a code object there ends here. */
static struct ms_live *ending_block(uint64_t address)
{
    struct ms_live *entry = ms_live_find(&ms_shared.live, address);
    if (!entry || entry->is_code == MS_LIVE_BLOCK)
        return entry;
    bool block = entry->is_code == MS_LIVE_BLOCK_AND_CODE;
    ms_code_forget_nopy(address);
    return block ? entry : NULL;
}

static void freeing(uint64_t address)
{
    struct ms_live *entry = ending_block(address);
    if (!entry)
        return;
    uint64_t now_ns = ms_clock_cached_ns();
    enum ms_silence silence = ms_silence_nosys(now_ns);
    struct ms_live taken;
    ms_entry_take(&SIDE, entry, &taken);
    uint16_t thread = ms_thread_if_known_nopy();
    if (silence == MS_RECORDING || silence == MS_SILENT_PAUSED) /* a pause stops sampling, not following */
        ms_event_freed(&SIDE, &taken, now_ns, thread, false);
    else if (silence == MS_SILENT_NO_READER)
        ms_count_loss_nosys(MS_LOSS_FREE_NO_READER, (double)taken.weight, taken.size);
}

void ms_gil_freeing(void *address)
{
    if (!ms_active || ms_gil.inside || ms_in_foreign_interpreter())
        return;
    ms_gil.inside = true;
    struct ms_watch watch = ms_cost_begin(&ms_gil.untimed);
    freeing((uint64_t)address);
    count_cost(ms_cost_end(watch));
    ms_gil.inside = false;
}

void ms_gil_take(void *address, ms_taken *old)
{
    old->address = 0;
    if (!ms_active || ms_gil.inside || ms_in_foreign_interpreter())
        return;
    struct ms_watch watch = ms_cost_begin(&ms_gil.untimed);
    struct ms_live *entry = ending_block((uint64_t)address);
    if (entry)
        ms_entry_take(&SIDE, entry, old);
    count_cost(ms_cost_end(watch));
}

void ms_gil_put_back(const ms_taken *old)
{
    bool stale;
    struct ms_live *entry = ms_active ? ms_live_insert(&ms_shared.live, old->address, false, &stale) : NULL;
    if (!entry)
        return;
    uint32_t far = entry->far;
    *entry = *old;
    entry->far = far;
    ms_filter_add(&ms_gil.filter, (uintptr_t)old->address);
    ms_gil.blocks++;
}
