/* filter.h: "was a block at this address sampled?", answered no in one load.
 *
 * 32 KiB of 8-bit counts fit into L1 beside the program's own data; a larger filter answers more exactly
 * and costs more (a 1 MiB one showed in whole programs). A count that reached its top stays there: it can
 * no longer be trusted to come down, and a wrong yes only costs a look into the table.
 */
#ifndef MS_FILTER_H
#define MS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define MS_FILTER_CELLS (1u << 15)

struct ms_filter {
    uint8_t count[MS_FILTER_CELLS];
};

static inline uint32_t ms_filter_cell(uintptr_t address)
{
    return (uint32_t)(address >> 4) & (MS_FILTER_CELLS - 1);
}

static inline bool ms_filter_maybe(const struct ms_filter *filter, uintptr_t address)
{
    return __builtin_expect(filter->count[ms_filter_cell(address)] != 0, 0);
}

static inline void ms_filter_add(struct ms_filter *filter, uintptr_t address)
{
    uint8_t *count = &filter->count[ms_filter_cell(address)];
    if (*count < UINT8_MAX)
        ++*count;
}

static inline void ms_filter_remove(struct ms_filter *filter, uintptr_t address)
{
    uint8_t *count = &filter->count[ms_filter_cell(address)];
    if (*count > 0 && *count < UINT8_MAX)
        --*count;
}

#endif
