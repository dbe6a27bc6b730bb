/* live.h: the sampled blocks that have not been freed yet.
 *
 * Open addressing with linear probing and deletion by shifting back, so that there are no tombstones and
 * a look-up never gets longer with age. Within 256 bytes neighbours keep their neighbourhood (an allocator
 * reuses near memory, and so do we); beyond, addresses are scattered, or two full arenas a multiple of the
 * table's size apart would lie on one another in one endless run. The table is sized at attach and never grows; full means "not taken", and the caller counts it.
 *
 * Owned by whoever holds the lock of its domain: the GIL (OBJ, MEM) or the RAW lock.
 */
#ifndef MS_LIVE_H
#define MS_LIVE_H

#include "memscope_abi.h"

#include <stdbool.h>
#include <stdint.h>

struct ms_live_table {
    struct ms_live *slot;
    uint64_t mask;
    uint64_t used;
    uint64_t blocks_max; /* entries that blocks may take; the rest is kept for code objects */
};

/* `capacity` is a power of two; the memory is zero. */
void ms_live_init(struct ms_live_table *table, struct ms_live *slot, uint64_t capacity);

/* The entry of `address`, or NULL. */
struct ms_live *ms_live_find(struct ms_live_table *table, uint64_t address);

/* Room for a new entry of `address` (its address is set, all else is the caller's), or NULL when full.
 * An entry that is still there for the same address is handed back with *stale set: its end was missed. */
struct ms_live *ms_live_insert(struct ms_live_table *table, uint64_t address, bool is_code, bool *stale);

/* Takes `entry` out; pointers into the table are void afterwards. */
void ms_live_remove(struct ms_live_table *table, struct ms_live *entry);

#endif
