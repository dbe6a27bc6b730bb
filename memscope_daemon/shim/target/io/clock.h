/* clock.h: CLOCK_MONOTONIC, cheaply. */
#ifndef MS_CLOCK_H
#define MS_CLOCK_H

#include <stdint.h>

/* Read through the vDSO. From any thread. */
uint64_t ms_clock_ns(void);

/* The same clock between two readings carried on by the time stamp counter. Under the GIL only. Never
 * goes backwards; re-read at least each few milliseconds, which bounds what a bad counter can do. */
uint64_t ms_clock_cached_ns(void);

#endif
