#include "host/stack.h"

#include "host/code.h"
#include "host/frames.h"
#include "io/clock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers this thread at its first event. Thread-local memory starts at zero in each new thread, so a
 * reused pthread_t, stack or thread state is never mistaken for its former owner. */
static uint16_t thread_number(void)
{
    if (ms_thread.session_epoch == ms_session_epoch)
        return ms_thread.number;
    struct ms_meta_thread *entry = NULL;
    if (ms_gil.last_thread < UINT16_MAX)
        entry = ms_writer_entry(&ms_shared.meta, sizeof *entry);
    if (!entry) {
        ms_count_loss_nosys(MS_LOSS_THREAD_LOST, 0.0, 0);
        return 0;
    }
    int error = errno;
    uintptr_t self;
    __asm__("mov %%fs:0x10, %0" : "=r"(self)); /* pthread_self() */
    *entry = (struct ms_meta_thread){
        .head = {sizeof *entry, MS_META_THREAD, 0},
        .thread = ++ms_gil.last_thread,
        .native_id = (uint32_t)syscall(SYS_gettid),
        .pthread_id = self,
        .time_ns = ms_clock_ns(),
    };
    errno = error;
    ms_writer_publish(&ms_shared.meta, sizeof *entry);
    ms_thread.number = (uint16_t)ms_gil.last_thread;
    ms_thread.session_epoch = ms_session_epoch;
    return ms_thread.number;
}

/* Numbers, offsets and hashes of what changed, from the outside in; 0: a frame is unknown. */
static uint64_t resolve_nopy(struct ms_walk *walk)
{
    uint32_t from = walk->changed_below < walk->count ? walk->changed_below : walk->count;
    uint64_t hash = from < walk->count ? walk->frames[from].hash : ms_mix(0x5bd1e995u, walk->truncated);
    walk->changed_below = MS_DEPTH_MAX; /* until all is known again */
    for (uint32_t i = from; i-- > 0;) {
        struct ms_walked_frame *frame = &walk->frames[i];
        if (!frame->number)
            frame->number = ms_code_number_nopy(frame->code);
        if (!frame->number)
            return 0;
        frame->offset = ms_code_offset_nopy(frame);
        hash = ms_mix(hash, (uint64_t)frame->number << 32 | frame->offset);
        frame->hash = hash;
    }
    walk->changed_below = 0;
    return hash ? hash : 1;
}

static bool publish_stack_nopy(const struct ms_walk *walk, uint32_t number)
{
    uint32_t bytes = sizeof(struct ms_meta_stack) + walk->count * sizeof(struct ms_frame_ref);
    struct ms_meta_stack *entry = ms_writer_entry(&ms_shared.meta, bytes);
    if (!entry)
        return false;
    *entry = (struct ms_meta_stack){
        .head = {bytes, MS_META_STACK, walk->truncated ? MS_FLAG_TRUNCATED : 0},
        .stack = number,
        .frame_count = walk->count,
    };
    struct ms_frame_ref *reference = (struct ms_frame_ref *)(entry + 1);
    for (uint32_t i = 0; i < walk->count; i++)
        reference[i] = (struct ms_frame_ref){walk->frames[i].number, walk->frames[i].offset};
    ms_writer_publish(&ms_shared.meta, bytes);
    return true;
}

static uint32_t intern_nopy(struct ms_walk *walk)
{
    uint64_t hash = resolve_nopy(walk);
    if (!hash)
        return 0;
    uint32_t number = ms_intern_find(&ms_shared.stacks, hash);
    if (number)
        return number;
    number = ms_intern_add(&ms_shared.stacks, hash);
    if (number && !publish_stack_nopy(walk, number)) {
        ms_intern_remove(&ms_shared.stacks, hash);
        number = 0;
    }
    return number;
}

struct ms_where ms_where_now(const void *thread_state, double weight, uint64_t size)
{
    struct ms_walk *walk = &ms_gil.walk;
    struct ms_where where = {.thread = thread_number()};
    uint32_t depth = ms_gil.setting.depth;
    ms_walk_frames_nopy(thread_state, depth);
    if (!walk->stack && walk->count)
        walk->stack = intern_nopy(walk);
    where.stack = walk->stack;
    if (depth == 1)
        where.flags = MS_FLAG_NO_STACK;
    else if (walk->truncated)
        where.flags = MS_FLAG_TRUNCATED;
    if (walk->count && !walk->stack) {
        where.flags |= MS_FLAG_UNRESOLVED;
        ms_count_loss_nosys(MS_LOSS_STACK_LOST, weight, size);
    }
    return where;
}
