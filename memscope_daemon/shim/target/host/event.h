/* event.h: writing one record and its live entry; shared by the GIL side and the RAW side. Both sides hand
 * in what is theirs. */
#ifndef MS_EVENT_H
#define MS_EVENT_H

#include "host/stack.h"
#include "host/state.h"

/* What a side owns. */
struct ms_side {
    struct ms_writer *writer;
    struct ms_live_table *live;
    struct ms_filter *filter;
    uint64_t *last_id;
    uint64_t *blocks;
    uint64_t id_bit; /* or-ed into its ids, so that ids of both sides never meet */
};

struct ms_block {
    uint64_t address;
    uint64_t size;
    double weight;
    uint64_t time_ns;
    uint16_t sampling;
    uint8_t domain;
};

/* Is there room for an allocation? Also the end of a stale entry may have to go before it. */
bool ms_event_has_room(const struct ms_side *side);

/* Records an allocation and follows the block; old_id 0: a plain allocation, else a reallocation of that
 * one. False: no room, counted; the block is as if it had not been taken. */
bool ms_event_allocated(const struct ms_side *side, const struct ms_block *block, const struct ms_where *where,
                        uint64_t old_id, bool by_realloc);

/* Records the end of the block in `entry` (a copy). */
void ms_event_freed(const struct ms_side *side, const struct ms_live *entry, uint64_t time_ns,
                    uint16_t thread, bool by_realloc);

/* Takes `entry` (of a block, not of a code object) out of table and filter, into *taken. */
void ms_entry_take(const struct ms_side *side, struct ms_live *entry, struct ms_live *taken);

#endif
