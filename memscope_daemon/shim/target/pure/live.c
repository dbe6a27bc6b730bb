#include "pure/live.h"

enum { RUN_MAX = 255, FAR_TURNS = 4, SLOT_NUMBER = 0xffffff };

void ms_live_init(struct ms_live_table *table, void *memory, uint64_t capacity)
{
    table->index = memory;
    table->pool = (struct ms_live *)(table->index + MS_LIVE_SLOTS * capacity);
    table->mask = MS_LIVE_SLOTS * capacity - 1;
    table->capacity = (uint32_t)capacity;
    table->fresh = table->free_first = table->used = table->far = 0;
    table->blocks_max = (uint32_t)(capacity - capacity / 8);
}

/* 4 KiB of addresses lie in 256 slots side by side. */
static uint64_t near_home(const struct ms_live_table *table, uint64_t address)
{
    uint64_t scattered = (address >> 12) * 0x9e3779b97f4a7c15ull >> 28;
    return (scattered * 256 + ((address >> 4) & 255)) & table->mask;
}

/* For the block whose run near its home is too long: anywhere, at the `turn`-th of FAR_TURNS places. */
static uint64_t far_home(const struct ms_live_table *table, uint64_t address, uint64_t turn)
{
    return (((address >> 4) + turn * 0x2545f4914f6cdd1dull) * 0xd6e8feb86659fd93ull >> 36) & table->mask;
}

/* The entry that a slot names. The tables lie in shared memory: whatever somebody else has written there,
 * what is named is one of ours. */
static struct ms_live *entry_of(const struct ms_live_table *table, uint32_t slot)
{
    return &table->pool[((slot & SLOT_NUMBER) - 1) & (table->capacity - 1)];
}

/* The slot that holds `address`, or the free slot that ends the run from `home`; neither: mask + 1. */
static uint64_t slot_in_run(const struct ms_live_table *table, uint64_t address, uint64_t home)
{
    for (uint64_t run = 0; run < RUN_MAX; run++) {
        uint64_t i = (home + run) & table->mask;
        uint32_t slot = table->index[i];
        if (!slot)
            return i;
        if (slot >> 24 == (home & 0xff) && entry_of(table, slot)->address == address)
            return i;
    }
    return table->mask + 1;
}

static bool holds(const struct ms_live_table *table, uint64_t i)
{
    return i <= table->mask && table->index[i];
}

/* The slot that holds `address`; mask + 1: there is none. */
static uint64_t slot_of(const struct ms_live_table *table, uint64_t address)
{
    uint64_t i = slot_in_run(table, address, near_home(table, address));
    for (uint64_t turn = 0; !holds(table, i) && table->far && turn < FAR_TURNS; turn++)
        i = slot_in_run(table, address, far_home(table, address, turn));
    return holds(table, i) ? i : table->mask + 1;
}

struct ms_live *ms_live_find(const struct ms_live_table *table, uint64_t address)
{
    uint64_t i = slot_of(table, address);
    return i <= table->mask ? entry_of(table, table->index[i]) : NULL;
}

static uint32_t take_from_pool(struct ms_live_table *table)
{
    uint32_t number = table->free_first;
    if (number)
        table->free_first = entry_of(table, number)->next_free;
    else if (table->fresh < table->capacity)
        number = ++table->fresh;
    return number;
}

static struct ms_live *put(struct ms_live_table *table, uint64_t i, uint64_t home, uint64_t address)
{
    uint32_t number = take_from_pool(table);
    if (!number)
        return NULL;
    table->index[i] = (uint32_t)(home & 0xff) << 24 | number;
    table->used++;
    struct ms_live *entry = entry_of(table, number);
    entry->address = address;
    entry->far = 0;
    return entry;
}

static struct ms_live *put_far(struct ms_live_table *table, uint64_t address)
{
    for (uint64_t turn = 0; turn < FAR_TURNS; turn++) {
        uint64_t home = far_home(table, address, turn);
        uint64_t i = slot_in_run(table, address, home);
        struct ms_live *entry = i <= table->mask ? put(table, i, home, address) : NULL;
        if (entry) {
            entry->far = 1;
            table->far++;
            return entry;
        }
    }
    return NULL;
}

struct ms_live *ms_live_insert(struct ms_live_table *table, uint64_t address, bool is_code, bool *stale)
{
    uint64_t home = near_home(table, address);
    uint64_t i = slot_in_run(table, address, home);
    struct ms_live *old = holds(table, i) ? entry_of(table, table->index[i]) : table->far ? ms_live_find(table, address) : NULL;
    *stale = old != NULL;
    if (old)
        return old;
    if (table->used >= (is_code ? table->capacity : table->blocks_max))
        return NULL;
    return i <= table->mask ? put(table, i, home, address) : put_far(table, address);
}

/* Every slot behind the hole that could have lain in it moves up, until a free slot ends the run. */
static void close_hole(struct ms_live_table *table, uint64_t hole)
{
    uint64_t i = hole;
    for (uint64_t step = 0; step < table->mask; step++) {
        i = (i + 1) & table->mask;
        uint32_t slot = table->index[i];
        if (!slot)
            break;
        uint64_t from_home = (i - (slot >> 24)) & 0xff;
        if (from_home >= ((i - hole) & table->mask)) {
            table->index[hole] = slot;
            hole = i;
        }
    }
    table->index[hole] = 0;
}

void ms_live_remove(struct ms_live_table *table, struct ms_live *entry)
{
    uint64_t i = slot_of(table, entry->address);
    if (i > table->mask)
        return;
    uint32_t number = table->index[i] & SLOT_NUMBER;
    close_hole(table, i);
    table->far -= entry->far;
    entry->address = 0;
    entry->next_free = table->free_first;
    table->free_first = number;
    table->used--;
}
