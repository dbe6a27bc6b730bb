/* session.h: the shared memory as the shim uses it: checked once, then held in memory of our own, so that
 * nothing written there later can lead us astray. */
#ifndef MS_SESSION_H
#define MS_SESSION_H

#include "memscope_abi.h"
#include "pure/intern.h"
#include "pure/live.h"
#include "pure/ring.h"

#include <stdbool.h>

struct ms_shared {
    struct ms_session *head; /* NULL: no session */
    uint64_t bytes;
    struct ms_writer events;
    struct ms_writer raw;
    struct ms_writer meta;
    struct ms_live_table live;
    struct ms_live_table raw_live;
    struct ms_intern stacks;
    struct ms_intern codes;
};

/* Fills `shared` from the head at `base`, of which `bytes` are mapped. False: something does not fit, and
 * nothing was changed. */
bool ms_shared_open(struct ms_shared *shared, void *base, uint64_t bytes);

#endif
