#include "pure/session.h"

/* A part of the shared memory: `count` things of `each` bytes at `offset`. */
struct part {
    uint64_t offset;
    uint64_t count;
    uint64_t each;
    uint64_t count_min;
};

static bool fits(const struct part *part, uint64_t bytes)
{
    bool power_of_two = part->count && (part->count & (part->count - 1)) == 0;
    if (part->each == MS_LIVE_BYTES && part->count > 1u << 23) /* entry numbers have 24 bits */
        return false;
    return power_of_two && part->count >= part->count_min && part->count <= (1ull << 32) &&
           part->offset >= sizeof(struct ms_session) && part->offset % 64 == 0 && part->offset <= bytes &&
           part->count * part->each <= bytes - part->offset;
}

static bool disjoint(const struct part *a, const struct part *b)
{
    return a->offset + a->count * a->each <= b->offset || b->offset + b->count * b->each <= a->offset;
}

enum { EVENTS, RAW, META, LIVE, RAW_LIVE, STACKS, CODES, PARTS };

static void read_parts(const struct ms_session *head, struct part *part)
{
    part[EVENTS] = (struct part){head->events_offset, head->event_capacity, sizeof(struct ms_record), 64};
    part[RAW] = (struct part){head->raw_offset, head->raw_capacity, sizeof(struct ms_record), 64};
    part[META] = (struct part){head->meta_offset, head->meta_capacity, 1, 4096};
    part[LIVE] = (struct part){head->live_offset, head->live_capacity, MS_LIVE_BYTES, 64};
    part[RAW_LIVE] = (struct part){head->raw_live_offset, head->raw_live_capacity, MS_LIVE_BYTES, 64};
    part[STACKS] = (struct part){head->stacks_offset, head->stack_capacity, sizeof(struct ms_slot), 64};
    part[CODES] = (struct part){head->codes_offset, head->code_capacity, sizeof(struct ms_slot), 64};
}

static bool parts_valid(const struct part *part, uint64_t bytes)
{
    for (int i = 0; i < PARTS; i++) {
        if (!fits(&part[i], bytes))
            return false;
        for (int j = 0; j < i; j++)
            if (!disjoint(&part[i], &part[j]))
                return false;
    }
    return true;
}

bool ms_shared_open(struct ms_shared *shared, void *base, uint64_t bytes)
{
    struct ms_session *head = base;
    struct part part[PARTS];
    if (bytes < sizeof *head || head->magic != MS_SESSION_MAGIC || head->abi_version != MS_ABI_VERSION ||
        head->header_bytes != sizeof *head || head->total_bytes != bytes ||
        head->status.state != MS_STATE_EMPTY) /* each is entered once */
        return false;
    read_parts(head, part); /* from here on only our own copy counts */
    if (!parts_valid(part, bytes))
        return false;
    unsigned char *at = base;
    ms_writer_init(&shared->events, &head->events, at + part[EVENTS].offset, part[EVENTS].count);
    ms_writer_init(&shared->raw, &head->raw, at + part[RAW].offset, part[RAW].count);
    ms_writer_init(&shared->meta, &head->meta, at + part[META].offset, part[META].count);
    ms_live_init(&shared->live, at + part[LIVE].offset, part[LIVE].count);
    ms_live_init(&shared->raw_live, at + part[RAW_LIVE].offset, part[RAW_LIVE].count);
    ms_intern_init(&shared->stacks, (struct ms_slot *)(at + part[STACKS].offset), part[STACKS].count);
    ms_intern_init(&shared->codes, (struct ms_slot *)(at + part[CODES].offset), part[CODES].count);
    shared->bytes = bytes;
    shared->head = head;
    return true;
}
