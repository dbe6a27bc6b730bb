#include "io/clock.h"

#include <time.h>
#include <x86intrin.h>

/* Ticks after which the clock is read again (about 2 ms), and that must have passed before a rate is
 * believed. */
enum { TICKS_MAX = 1 << 22, TICKS_FOR_RATE = 1 << 18 };

static const uint64_t NS_PER_TICK_MAX = 16;

static uint64_t base_ns, base_ticks, ns_per_tick_32, last_ns;

uint64_t ms_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static uint64_t read_again(uint64_t ticks)
{
    uint64_t now_ns = ms_clock_ns();
    uint64_t passed = ticks - base_ticks;
    if (passed < TICKS_FOR_RATE && base_ns)
        return now_ns;
    if (base_ns && passed < (1ull << 40))
        ns_per_tick_32 = (uint64_t)(((unsigned __int128)(now_ns - base_ns) << 32) / passed);
    if (ns_per_tick_32 > NS_PER_TICK_MAX << 32) /* the counter stood still (a halted machine): not believed */
        ns_per_tick_32 = 0;
    base_ns = now_ns;
    base_ticks = ticks;
    return now_ns;
}

uint64_t ms_clock_cached_ns(void)
{
    uint64_t ticks = __rdtsc();
    uint64_t passed = ticks - base_ticks;
    uint64_t now_ns;
    if (passed < TICKS_MAX && ns_per_tick_32)
        now_ns = base_ns + ((passed * ns_per_tick_32) >> 32);
    else
        now_ns = read_again(ticks);
    if (now_ns < last_ns)
        now_ns = last_ns;
    last_ns = now_ns;
    return now_ns;
}
