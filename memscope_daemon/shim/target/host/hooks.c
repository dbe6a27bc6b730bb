/* hooks.c: the hot path.
 *
 * What every allocation of the target pays: the call it would have made anyway, one subtraction, two
 * branches; every free: one load, one branch. What is let pass ends in a jump to the original: there is no
 * frame of ours. All else is out of line, here and in record_*.c.
 *
 * The functions take and hand on the `ctx` word that was there before us. CPython copies an allocator's
 * five words one by one, and RAW is called without the GIL: with the same ctx any mixture of old and new
 * words is still a valid allocator, when we come and when we go.
 *
 * A free is reported before it happens and an allocation after: at no time can another thread be given an
 * address that we still believe to be the old block's.
 */
#include "host/hooks.h"

#include "host/record.h"
#include "io/clock.h"
#include "io/memory.h"

#include <stdint.h>

#define HOT __attribute__((always_inline)) static inline
#define COLD __attribute__((noinline, cold)) static

/* While `nested` stands, RAW calls on this thread are the allocator's own (requests over 512 bytes, its
 * arenas): one logical allocation is one event. The thread's, because "the" GIL is not the only one where
 * another interpreter has its own. */
#define NESTED(call)                                     \
    do {                                                 \
        ms_thread.nested = true;                         \
        __asm__ volatile("" ::: "memory");               \
        call;                                            \
        __asm__ volatile("" ::: "memory");               \
        ms_thread.nested = false;                        \
    } while (0)

/* Up to here pymalloc serves a request from its own pools (512 bytes, of which a debug build and
 * PYTHONMALLOC=debug take 32 for themselves) and does without RAW, save for the books of a new arena, which
 * are then what they are: an allocation in RAW. So the original can be the last jump of the hook: no frame,
 * no guard, nothing to come back for. */
enum { SERVED_FROM_POOLS = 448 };

/* Is this allocation let pass? Counted before it is made: whether it succeeds is of no account to the gap. */
HOT bool gil_passes(size_t size)
{
    return __builtin_expect((ms_gil.sampler.left -= ms_step(size, ms_gil.step_mask)) >= 0, 1);
}

COLD void *gil_malloc_guarded(void *ctx, size_t size, int domain)
{
    void *block;
    NESTED(block = ms_original[domain].malloc(ctx, size));
    if (ms_gil.sampler.left < 0)
        ms_gil_allocated(domain, block, size, NULL);
    return block;
}

HOT void *gil_malloc(int domain, void *ctx, size_t size)
{
    if (!gil_passes(size))
        return gil_malloc_guarded(ctx, size, domain);
    if (__builtin_expect(size > SERVED_FROM_POOLS, 0))
        return gil_malloc_guarded(ctx, size, domain);
    return ms_original[domain].malloc(ctx, size);
}

COLD void *gil_calloc_guarded(void *ctx, size_t count, size_t size, int domain)
{
    void *block;
    NESTED(block = ms_original[domain].calloc(ctx, count, size));
    if (ms_gil.sampler.left < 0)
        ms_gil_allocated(domain, block, count * size, NULL);
    return block;
}

HOT void *gil_calloc(int domain, void *ctx, size_t count, size_t size)
{
    size_t bytes = count * size; /* should this overflow, there will be no block */
    if (!gil_passes(bytes))
        return gil_calloc_guarded(ctx, count, size, domain);
    if (__builtin_expect(bytes > SERVED_FROM_POOLS, 0))
        return gil_calloc_guarded(ctx, count, size, domain);
    return ms_original[domain].calloc(ctx, count, size);
}

COLD void *gil_realloc_seen(void *ctx, void *old_block, size_t size, int domain)
{
    ms_taken old;
    old.address = 0;
    if (ms_filter_maybe(&ms_gil.filter, (uintptr_t)old_block))
        ms_gil_take(old_block, &old);
    void *block;
    NESTED(block = ms_original[domain].realloc(ctx, old_block, size));
    if (!block && old.address) {
        ms_gil_put_back(&old);
        old.address = 0;
    }
    if (ms_gil.sampler.left < 0 || old.address)
        ms_gil_allocated(domain, block, size, old.address ? &old : NULL);
    return block;
}

/* Guarded at any size: the old block may be one that is RAW's. */
HOT void *gil_realloc(int domain, void *ctx, void *old_block, size_t size)
{
    bool passes = gil_passes(size);
    if (!passes || ms_filter_maybe(&ms_gil.filter, (uintptr_t)old_block))
        return gil_realloc_seen(ctx, old_block, size, domain);
    void *block;
    NESTED(block = ms_original[domain].realloc(ctx, old_block, size));
    return block;
}

COLD void gil_free_seen(void *ctx, void *block, int domain)
{
    ms_gil_freeing(block);
    ms_original[domain].free(ctx, block);
}

HOT void gil_free(int domain, void *ctx, void *block)
{
    if (ms_filter_maybe(&ms_gil.filter, (uintptr_t)block))
        gil_free_seen(ctx, block, domain);
    else
        ms_original[domain].free(ctx, block);
}

/* RAW: no GIL, so the counter is the thread's own; a thread that has not drawn under the newest setting
 * does so at once (epoch). */
HOT bool raw_passes(size_t size)
{
    struct ms_thread_state *thread = &ms_thread;
    thread->sampler.left -= ms_step(size, __atomic_load_n(&ms_raw.step_mask, __ATOMIC_RELAXED));
    uint32_t epoch = __atomic_load_n(&ms_epoch, __ATOMIC_RELAXED);
    return __builtin_expect(thread->sampler.left >= 0 && thread->epoch == epoch, 1);
}

COLD void *raw_malloc_counted(void *ctx, size_t size)
{
    void *block = ms_original[MS_DOMAIN_RAW].malloc(ctx, size);
    ms_raw_allocated(block, size, NULL);
    return block;
}

static void *raw_malloc(void *ctx, size_t size)
{
    if (raw_passes(size))
        return ms_original[MS_DOMAIN_RAW].malloc(ctx, size);
    return raw_malloc_counted(ctx, size);
}

COLD void *raw_calloc_counted(void *ctx, size_t count, size_t size)
{
    void *block = ms_original[MS_DOMAIN_RAW].calloc(ctx, count, size);
    ms_raw_allocated(block, count * size, NULL);
    return block;
}

static void *raw_calloc(void *ctx, size_t count, size_t size)
{
    if (raw_passes(count * size))
        return ms_original[MS_DOMAIN_RAW].calloc(ctx, count, size);
    return raw_calloc_counted(ctx, count, size);
}

COLD void *raw_realloc_counted(void *ctx, void *old_block, size_t size, bool passes)
{
    ms_taken old;
    old.address = 0;
    if (ms_filter_maybe(&ms_raw.filter, (uintptr_t)old_block))
        ms_raw_take(old_block, &old);
    void *block = ms_original[MS_DOMAIN_RAW].realloc(ctx, old_block, size);
    if (!block && old.address) {
        ms_raw_put_back(&old);
        old.address = 0;
    }
    if (!passes || old.address)
        ms_raw_allocated(block, size, old.address ? &old : NULL);
    return block;
}

static void *raw_realloc(void *ctx, void *old_block, size_t size)
{
    bool passes = raw_passes(size);
    if (!passes || ms_filter_maybe(&ms_raw.filter, (uintptr_t)old_block))
        return raw_realloc_counted(ctx, old_block, size, passes);
    return ms_original[MS_DOMAIN_RAW].realloc(ctx, old_block, size);
}

COLD void raw_free_seen(void *ctx, void *block)
{
    ms_raw_freeing(block);
    ms_original[MS_DOMAIN_RAW].free(ctx, block);
}

static void raw_free(void *ctx, void *block)
{
    if (ms_filter_maybe(&ms_raw.filter, (uintptr_t)block))
        raw_free_seen(ctx, block);
    else
        ms_original[MS_DOMAIN_RAW].free(ctx, block);
}

#define GIL_DOMAIN(name, domain)                                                                  \
    static void *name##_malloc(void *ctx, size_t size) { return gil_malloc(domain, ctx, size); }  \
    static void *name##_calloc(void *ctx, size_t count, size_t size)                              \
    {                                                                                             \
        return gil_calloc(domain, ctx, count, size);                                              \
    }                                                                                             \
    static void *name##_realloc(void *ctx, void *block, size_t size)                              \
    {                                                                                             \
        return gil_realloc(domain, ctx, block, size);                                             \
    }                                                                                             \
    static void name##_free(void *ctx, void *block) { gil_free(domain, ctx, block); }

GIL_DOMAIN(mem, MS_DOMAIN_MEM)
GIL_DOMAIN(obj, MS_DOMAIN_OBJ)

static const struct ms_allocator OURS[MS_DOMAINS] = {
    [MS_DOMAIN_RAW] = {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    [MS_DOMAIN_MEM] = {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
    [MS_DOMAIN_OBJ] = {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free},
};

static bool on_top(int domain, struct ms_allocator *found)
{
    ms_python.get_allocator(domain, found);
    return found->malloc == OURS[domain].malloc;
}

/* Is our function still called in this domain? A block is allocated and freed through the chain as it
 * stands, and our own counter tells whether it came by. */
static bool still_called(int domain, const struct ms_allocator *top)
{
    int64_t *left = domain == MS_DOMAIN_RAW ? &ms_thread.sampler.left : &ms_gil.sampler.left;
    int64_t before = *left = INT64_MAX / 2;
    uint32_t epoch = ms_thread.epoch;
    ms_thread.epoch = ms_epoch;
    void *block = top->malloc(top->ctx, 1);
    bool called = *left != before;
    if (block)
        top->free(top->ctx, block);
    ms_thread.epoch = epoch;
    return called;
}

static void install(int domain)
{
    struct ms_allocator found;
    if (on_top(domain, &found))
        return;
    /* Under another tool's, because it came later and we left, or because this is a forked child that never
     * left: once more on top of that would call in a circle. */
    if (ms_original[domain].malloc && still_called(domain, &found))
        return;
    struct ms_allocator ours = OURS[domain];
    ours.ctx = found.ctx;
    ms_original[domain] = found;
    __asm__ volatile("" ::: "memory");
    ms_python.set_allocator(domain, &ours);
}

uint32_t ms_hooks_install(void)
{
    for (int domain = 0; domain < MS_DOMAINS; domain++)
        install(domain);
    return (1u << MS_DOMAINS) - 1;
}

void ms_hooks_tell(struct ms_session *head)
{
    head->image = (uint64_t)ms_python.code_type;
    for (int domain = 0; domain < MS_DOMAINS; domain++)
        head->hooks[domain] = (uint64_t)OURS[domain].malloc;
}

static bool remove_domain(int domain)
{
    struct ms_allocator found;
    if (on_top(domain, &found)) {
        struct ms_allocator original = ms_original[domain];
        ms_python.set_allocator(domain, &original);
        return true;
    }
    return !ms_original[domain].malloc || !still_called(domain, &found);
}

uint32_t ms_hooks_remove(void)
{
    uint32_t left_in_chain = 0;
    for (int domain = 0; domain < MS_DOMAINS; domain++)
        if (!remove_domain(domain))
            left_in_chain |= 1u << domain;
    return left_in_chain;
}

uint32_t ms_hooks_leave(void)
{
    if (!ms_active)
        return 0;
    __atomic_store_n(&ms_active, 0, __ATOMIC_SEQ_CST); /* before anything else: nobody begins a record now */
    uint32_t left = ms_hooks_remove();
    ms_gil.sampler.left = INT64_MAX / 2; /* what is left in a chain passes through */
    ms_memory_clear_filters();
    struct ms_status *status = &ms_shared.head->status;
    status->left_in_chain = left;
    status->left_ns = ms_clock_ns();
    __atomic_store_n(&status->state, MS_STATE_DETACHED, __ATOMIC_RELEASE);
    ms_memory_close_session();
    return left;
}
