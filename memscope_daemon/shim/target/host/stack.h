/* stack.h: from "this thread, now" to the two numbers an event carries: thread and stack. */
#ifndef MS_STACK_H
#define MS_STACK_H

#include "host/state.h"

struct ms_where {
    uint32_t stack;
    uint16_t thread;
    uint16_t flags; /* enum ms_flag */
};

/* This thread's number if it has one in this session, else 0. From any thread. */
static inline uint16_t ms_thread_if_known_nopy(void)
{
    return ms_thread.session_epoch == ms_session_epoch ? ms_thread.number : 0;
}

/* Under the GIL. `weight` and `size` are what is lost where the stack cannot be interned. */
struct ms_where ms_where_now(const void *thread_state, double weight, uint64_t size);

#endif
