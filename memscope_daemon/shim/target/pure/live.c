#include "pure/live.h"

/* A probe longer than this ends as "full" (on insert) or "not there". With at most 7/8 of the slots used
 * such a run is rare; without the bound a damaged table could loop. */
enum { PROBE_MAX = 512 };

void ms_live_init(struct ms_live_table *table, struct ms_live *slot, uint64_t capacity)
{
    table->slot = slot;
    table->mask = capacity - 1;
    table->used = 0;
    table->blocks_max = capacity - capacity / 8;
}

static uint64_t home(const struct ms_live_table *table, uint64_t address)
{
    uint64_t scattered = (address >> 8) * 0x9e3779b97f4a7c15ull >> 28;
    return (scattered * 16 + ((address >> 4) & 15)) & table->mask;
}

struct ms_live *ms_live_find(struct ms_live_table *table, uint64_t address)
{
    uint64_t i = home(table, address);
    for (int probe = 0; probe < PROBE_MAX; probe++) {
        struct ms_live *entry = &table->slot[i];
        if (entry->address == address)
            return address ? entry : NULL;
        if (entry->address == 0)
            return NULL;
        i = (i + 1) & table->mask;
    }
    return NULL;
}

struct ms_live *ms_live_insert(struct ms_live_table *table, uint64_t address, bool is_code, bool *stale)
{
    *stale = false;
    if (table->used >= (is_code ? table->mask : table->blocks_max) || address == 0)
        return NULL;
    uint64_t i = home(table, address);
    for (int probe = 0; probe < PROBE_MAX; probe++) {
        struct ms_live *entry = &table->slot[i];
        if (entry->address == address) {
            *stale = true;
            return entry;
        }
        if (entry->address == 0) {
            entry->address = address;
            table->used++;
            return entry;
        }
        i = (i + 1) & table->mask;
    }
    return NULL;
}

/* Every entry behind the hole that could have lain in it moves up, until a free slot ends the run. */
void ms_live_remove(struct ms_live_table *table, struct ms_live *entry)
{
    uint64_t hole = (uint64_t)(entry - table->slot);
    uint64_t i = hole;
    for (uint64_t step = 0; step < table->mask; step++) {
        i = (i + 1) & table->mask;
        struct ms_live *next = &table->slot[i];
        if (next->address == 0)
            break;
        uint64_t distance_from_home = (i - home(table, next->address)) & table->mask;
        uint64_t distance_from_hole = (i - hole) & table->mask;
        if (distance_from_home >= distance_from_hole) {
            table->slot[hole] = *next;
            hole = i;
        }
    }
    table->slot[hole].address = 0;
    table->used--;
}
