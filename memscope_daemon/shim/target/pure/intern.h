/* intern.h: numbers for things that are met again and again: code objects (by address), stacks (by a
 * 64-bit hash of their frames).
 *
 * Open addressing, keys never 0, deletion by shifting back. Two different stacks share a number when their
 * hashes agree: with 64 Ki stacks that happens once in ten billion sessions, and would show as a frame
 * list that belongs to the other.
 */
#ifndef MS_INTERN_H
#define MS_INTERN_H

#include "memscope_abi.h"

#include <stdbool.h>
#include <stdint.h>

struct ms_intern {
    struct ms_slot *slot;
    uint64_t mask;
    uint64_t used;
    uint32_t next; /* number for the next new key; numbers are never given out twice */
};

void ms_intern_init(struct ms_intern *table, struct ms_slot *slot, uint64_t capacity);

/* The number of `key`, 0 = not there. */
uint32_t ms_intern_find(const struct ms_intern *table, uint64_t key);

/* Gives `key` (not in the table, not 0) the next number; 0 = full. */
uint32_t ms_intern_add(struct ms_intern *table, uint64_t key);

void ms_intern_remove(struct ms_intern *table, uint64_t key);

static inline uint64_t ms_mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

#endif
