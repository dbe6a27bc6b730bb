#include "pure/intern.h"

enum { PROBE_MAX = 256 };

void ms_intern_init(struct ms_intern *table, struct ms_slot *slot, uint64_t capacity)
{
    table->slot = slot;
    table->mask = capacity - 1;
    table->used = 0;
    table->next = 1;
}

static uint64_t home(const struct ms_intern *table, uint64_t key)
{
    return ms_mix(0, key >> 3) & table->mask;
}

uint32_t ms_intern_find(const struct ms_intern *table, uint64_t key)
{
    uint64_t i = home(table, key);
    for (int probe = 0; probe < PROBE_MAX && table->slot[i].key; probe++) {
        if (table->slot[i].key == key)
            return (uint32_t)table->slot[i].value;
        i = (i + 1) & table->mask;
    }
    return 0;
}

uint32_t ms_intern_add(struct ms_intern *table, uint64_t key)
{
    if (table->used >= table->mask - table->mask / 8 || table->next == UINT32_MAX)
        return 0;
    uint64_t i = home(table, key);
    for (int probe = 0; probe < PROBE_MAX; probe++) {
        if (table->slot[i].key == 0) {
            table->slot[i].key = key;
            table->slot[i].value = table->next;
            table->used++;
            return table->next++;
        }
        i = (i + 1) & table->mask;
    }
    return 0;
}

void ms_intern_remove(struct ms_intern *table, uint64_t key)
{
    uint64_t hole = home(table, key);
    for (int probe = 0; table->slot[hole].key != key; probe++) {
        if (probe == PROBE_MAX || table->slot[hole].key == 0)
            return;
        hole = (hole + 1) & table->mask;
    }
    uint64_t i = hole;
    for (uint64_t step = 0; step < table->mask; step++) {
        i = (i + 1) & table->mask;
        if (table->slot[i].key == 0)
            break;
        uint64_t from_home = (i - home(table, table->slot[i].key)) & table->mask;
        if (from_home >= ((i - hole) & table->mask)) {
            table->slot[hole] = table->slot[i];
            hole = i;
        }
    }
    table->slot[hole].key = 0;
    table->used--;
}
