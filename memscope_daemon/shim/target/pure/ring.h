/* ring.h: the producer's half of the event rings and of the metadata ring.
 *
 * One producer at a time (the GIL, or the RAW lock, sees to that). The consumer is in another process and
 * may be dead, slow or hostile: its `tail` is only believed as far as it makes sense. Never waits: no room
 * is an answer.
 */
#ifndef MS_RING_H
#define MS_RING_H

#include "memscope_abi.h"

#include <stdbool.h>
#include <stdint.h>

struct ms_writer {
    struct ms_ring *shared;
    unsigned char *base;
    uint64_t capacity; /* records, or bytes in the metadata ring; a power of two */
    uint64_t head;     /* ours; the shared one is only ever written */
    uint64_t tail;     /* last seen */
};

void ms_writer_init(struct ms_writer *writer, struct ms_ring *shared, void *base, uint64_t capacity);

/* Units free for writing, keeping `reserve` of them back. */
bool ms_writer_has_room(struct ms_writer *writer, uint64_t wanted, uint64_t reserve);

/* The next record to fill in, or NULL. `reserve`: records kept back for others (frees must not be lost
 * because allocations filled the ring). */
static inline struct ms_record *ms_writer_record(struct ms_writer *writer, uint64_t reserve)
{
    if (!ms_writer_has_room(writer, 1, reserve))
        return NULL;
    struct ms_record *record = (struct ms_record *)writer->base;
    return record + (writer->head & (writer->capacity - 1));
}

/* Publishes what was written. */
static inline void ms_writer_publish(struct ms_writer *writer, uint64_t units)
{
    writer->head += units;
    __atomic_store_n(&writer->shared->head, writer->head, __ATOMIC_RELEASE);
}

/* `bytes` (a multiple of 8) of metadata that do not wrap, or NULL. Pads the ring's end where needed. */
void *ms_writer_entry(struct ms_writer *writer, uint64_t bytes);

#endif
