/* cost.h: what the slow paths cost, measured where it is paid.
 *
 * One pass in MS_TIMED_EACH is timed by two readings of the clock around it. What a reading takes itself is
 * known from two in a row, and taken off. A fence before each lets no store go on being paid for behind our
 * back: a line of a ring that the shipper has just read is fetched back from its processor's cache. A thread
 * may lose its processor in between: no pass counts for more than PASS_NS_MAX.
 */
#ifndef MS_COST_H
#define MS_COST_H

#include "host/state.h"
#include "io/clock.h"

struct ms_watch {
    uint64_t before_ns;
    uint64_t begun_ns; /* 0: this pass is not timed */
};

/* `untimed` counts the passes of this thread, or of those that hold the GIL, since one was timed. */
static inline struct ms_watch ms_cost_begin(uint32_t *untimed)
{
    static const struct ms_watch UNTIMED;
    if (__builtin_expect(++*untimed < MS_TIMED_EACH, 1))
        return UNTIMED;
    *untimed = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint64_t before_ns = ms_clock_ns();
    return (struct ms_watch){before_ns, ms_clock_ns()};
}

/* What the pass took; 0: it was not timed. */
static inline uint64_t ms_cost_end(struct ms_watch watch)
{
    static const uint64_t PASS_NS_MAX = 100000;
    if (__builtin_expect(!watch.begun_ns, 1))
        return 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint64_t reading_ns = watch.begun_ns - watch.before_ns;
    uint64_t passed_ns = ms_clock_ns() - watch.begun_ns;
    passed_ns = passed_ns > reading_ns ? passed_ns - reading_ns : 1;
    return passed_ns < PASS_NS_MAX ? passed_ns : PASS_NS_MAX;
}

#endif
