/* live.h: the sampled blocks that have not been freed yet.
 *
 * Two parts. The *pool* holds the entries; it is handed out last-in-first-out, so that a program that
 * allocates and frees keeps using the same few entries, which stay in the first-level cache. The *index*
 * finds them: open addressing over 32-bit slots, in which the near memory of the program stays near (an
 * allocator reuses near memory, and cache and TLB are what a table of a million entries costs), while
 * pages are scattered.
 *
 * A slot is (home & 0xff) << 24 | entry number + 1. With the low byte of an entry's home slot beside it,
 * both a look-up and a deletion by shifting back (no tombstones: a look-up never gets longer with age) pass
 * the neighbours without touching their entries. It bounds a run to 255 slots. Where two dense pages lie
 * on one another a run may get longer: such a block goes to its *far* home, anywhere in the index, and only
 * while there are such blocks is a second place looked at. What finds no place there either, or the pool
 * full, is not taken, and the caller counts it.
 *
 * Owned by whoever holds the lock of its domain: the GIL (OBJ, MEM) or the RAW lock.
 */
#ifndef MS_LIVE_H
#define MS_LIVE_H

#include "memscope_abi.h"

#include <stdbool.h>
#include <stdint.h>

/* What an entry's is_code says. A code object made while we look on may be a sampled block as well: then one
 * entry stands for both, and its end is the end of both. */
enum ms_live_kind { MS_LIVE_BLOCK = 0, MS_LIVE_CODE = 1, MS_LIVE_BLOCK_AND_CODE = 2 };

struct ms_live_table {
    uint32_t *index;      /* MS_LIVE_SLOTS per entry */
    struct ms_live *pool; /* numbered from 0 */
    uint64_t mask;        /* of the index */
    uint32_t capacity;
    uint32_t fresh;      /* entries from here on were never used */
    uint32_t free_first; /* number + 1 of the entry given back last; 0 = none */
    uint32_t used;
    uint32_t far;        /* of these, entries at their far home */
    uint32_t blocks_max; /* entries that blocks may take; the rest is kept for code objects */
};

/* `memory`: MS_LIVE_BYTES * capacity bytes of zeros; `capacity` is a power of two, at most 2^23. */
void ms_live_init(struct ms_live_table *table, void *memory, uint64_t capacity);

/* The entry of `address`, or NULL. */
struct ms_live *ms_live_find(const struct ms_live_table *table, uint64_t address);

/* A new entry for `address` (its address is set, all else is the caller's), or NULL when full. An entry
 * that is still there for the same address is handed back with *stale set: its end was missed. */
struct ms_live *ms_live_insert(struct ms_live_table *table, uint64_t address, bool is_code, bool *stale);

/* Takes `entry` out; it may be handed out again at once. */
void ms_live_remove(struct ms_live_table *table, struct ms_live *entry);

#endif
