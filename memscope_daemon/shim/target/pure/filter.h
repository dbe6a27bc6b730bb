/* filter.h: "was a block at this address sampled?", answered no in one load.
 *
 * 32 KiB of 8-bit counts fit into L1 beside the program's own data; a larger filter answers more exactly
 * and costs more (a 1 MiB one showed in whole programs). A count that reached its top stays there: it can
 * no longer be trusted to come down, and a wrong yes only costs a look into the table.
 *
 * Written under the lock of its side, read by anybody at any time: a thread asks about a block of its own, whose
 * count was raised before the thread got it.
 */
#ifndef MS_FILTER_H
#define MS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define MS_FILTER_CELLS (1u << 15)

/* One load of one byte either way; but gcc does not fold an atomic one into the comparison, two instructions. */
#ifdef __SANITIZE_THREAD__
#define MS_FILTER_LOAD(count) __atomic_load_n(&(count), __ATOMIC_RELAXED)
#else
#define MS_FILTER_LOAD(count) (count)
#endif

struct ms_filter {
    _Alignas(8) uint8_t count[MS_FILTER_CELLS];
};

static inline uint32_t ms_filter_cell(uintptr_t address)
{
    return (uint32_t)(address >> 4) & (MS_FILTER_CELLS - 1);
}

static inline bool ms_filter_maybe(const struct ms_filter *filter, uintptr_t address)
{
    return __builtin_expect(MS_FILTER_LOAD(filter->count[ms_filter_cell(address)]) != 0, 0);
}

static inline void ms_filter_add(struct ms_filter *filter, uintptr_t address)
{
    uint8_t *count = &filter->count[ms_filter_cell(address)];
    uint8_t seen = __atomic_load_n(count, __ATOMIC_RELAXED); /* a session that ends clears it without the lock */
    if (seen < UINT8_MAX)
        __atomic_store_n(count, (uint8_t)(seen + 1), __ATOMIC_RELAXED);
}

static inline void ms_filter_remove(struct ms_filter *filter, uintptr_t address)
{
    uint8_t *count = &filter->count[ms_filter_cell(address)];
    uint8_t seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    if (seen > 0 && seen < UINT8_MAX)
        __atomic_store_n(count, (uint8_t)(seen - 1), __ATOMIC_RELAXED);
}

#endif
