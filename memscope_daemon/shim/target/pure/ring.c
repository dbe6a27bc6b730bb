#include "pure/ring.h"

void ms_writer_init(struct ms_writer *writer, struct ms_ring *shared, void *base, uint64_t capacity)
{
    writer->shared = shared;
    writer->base = base;
    writer->capacity = capacity;
    writer->head = 0;
    writer->tail = 0;
}

bool ms_writer_has_room(struct ms_writer *writer, uint64_t wanted, uint64_t reserve)
{
    uint64_t limit = writer->capacity - reserve;
    if (writer->head - writer->tail + wanted <= limit)
        return true;
    uint64_t tail = __atomic_load_n(&writer->shared->tail, __ATOMIC_ACQUIRE);
    if (tail - writer->tail > writer->head - writer->tail) /* beyond the head, or backwards: nonsense */
        return false;
    writer->tail = tail;
    return writer->head - writer->tail + wanted <= limit;
}

void *ms_writer_entry(struct ms_writer *writer, uint64_t bytes)
{
    uint64_t at = writer->head & (writer->capacity - 1);
    uint64_t to_end = writer->capacity - at;
    uint64_t pad = bytes > to_end ? to_end : 0;
    if (bytes > writer->capacity / 2 || !ms_writer_has_room(writer, bytes + pad, 0))
        return NULL;
    if (pad) {
        struct ms_meta_head *head = (struct ms_meta_head *)(writer->base + at);
        head->size = (uint32_t)pad;
        head->kind = MS_META_PAD;
        head->flags = 0;
        ms_writer_publish(writer, pad);
        at = 0;
    }
    return writer->base + at;
}
