#include "host/event.h"

#include "host/code.h"

/* Records that only frees may still take when the ring fills up. */
static uint64_t reserve_of(const struct ms_side *side)
{
    return side->writer->capacity / 8;
}

/* Under the side's lock; but the GIL side reads both counts. */
static void count_blocks(const struct ms_side *side, int more)
{
    __atomic_store_n(side->blocks, *side->blocks + (uint64_t)(int64_t)more, __ATOMIC_RELAXED);
}

static void end_stale(const struct ms_side *side, struct ms_live *entry, const struct ms_block *block,
                      uint16_t thread)
{
    struct ms_live old = *entry;
    ms_filter_remove(side->filter, (uintptr_t)old.address);
    if (old.is_code != MS_LIVE_BLOCK) { /* its name must not go to the next code object there */
        entry->is_code = MS_LIVE_BLOCK_AND_CODE;
        ms_code_forget_nopy(old.address);
    }
    if (old.is_code == MS_LIVE_CODE)
        return;
    count_blocks(side, -1);
    ms_event_freed(side, &old, block->time_ns, thread, false);
}

static void write_allocation(const struct ms_side *side, const struct ms_block *block,
                             const struct ms_where *where, uint64_t old_id, bool by_realloc)
{
    struct ms_record *record = ms_writer_record(side->writer, 0);
    *record = (struct ms_record){
        .time_ns = block->time_ns,
        .id = *side->last_id | side->id_bit,
        .other_id = old_id,
        .address = block->address,
        .size = block->size,
        .stack = where->stack,
        .weight = (float)block->weight,
        .thread = where->thread,
        .kind = by_realloc ? MS_KIND_REALLOCATE : MS_KIND_ALLOCATE,
        .domain = block->domain,
        .flags = where->flags,
        .sampling = block->sampling,
    };
    ms_writer_publish(side->writer, 1);
}

bool ms_event_has_room(const struct ms_side *side)
{
    return ms_writer_has_room(side->writer, 2, reserve_of(side));
}

bool ms_event_allocated(const struct ms_side *side, const struct ms_block *block, const struct ms_where *where,
                        uint64_t old_id, bool by_realloc)
{
    if (!ms_event_has_room(side)) {
        ms_count_loss_nosys(MS_LOSS_ALLOC_RING_FULL, block->weight, block->size);
        return false;
    }
    bool stale;
    struct ms_live *entry = ms_live_insert(side->live, block->address, false, &stale);
    if (!entry) {
        ms_count_loss_nosys(MS_LOSS_ALLOC_TABLE_FULL, block->weight, block->size);
        return false;
    }
    if (stale)
        end_stale(side, entry, block, where->thread);
    ++*side->last_id;
    entry->id = *side->last_id | side->id_bit;
    entry->size = block->size;
    entry->time_ns = block->time_ns;
    entry->stack = where->stack;
    entry->weight = (float)block->weight;
    entry->thread = where->thread;
    entry->domain = block->domain;
    entry->is_code = MS_LIVE_BLOCK;
    entry->sampling = block->sampling;
    ms_filter_add(side->filter, (uintptr_t)block->address);
    count_blocks(side, 1);
    write_allocation(side, block, where, old_id, by_realloc);
    return true;
}

void ms_event_freed(const struct ms_side *side, const struct ms_live *entry, uint64_t time_ns,
                    uint16_t thread, bool by_realloc)
{
    struct ms_record *record = ms_writer_record(side->writer, 0);
    if (!record) {
        ms_count_loss_nosys(MS_LOSS_FREE_RING_FULL, (double)entry->weight, entry->size);
        return;
    }
    *record = (struct ms_record){
        .time_ns = time_ns,
        .id = entry->id,
        .address = entry->address,
        .size = entry->size,
        .alloc_time_ns = entry->time_ns,
        .stack = entry->stack,
        .weight = entry->weight,
        .thread = thread,
        .kind = MS_KIND_FREE,
        .domain = entry->domain,
        .flags = by_realloc ? MS_FLAG_BY_REALLOC : 0,
        .sampling = (uint16_t)entry->sampling,
    };
    ms_writer_publish(side->writer, 1);
}

void ms_entry_take(const struct ms_side *side, struct ms_live *entry, struct ms_live *taken)
{
    *taken = *entry;
    ms_live_remove(side->live, entry);
    ms_filter_remove(side->filter, (uintptr_t)taken->address);
    count_blocks(side, -1);
}
