/* memory.h: the session's shared memory in this process. */
#ifndef MS_MEMORY_H
#define MS_MEMORY_H

#include "memscope_abi.h"

#include <stdbool.h>

/* Takes over `bytes` at `base`, mapped by the loader; false: what is there is not a session. */
bool ms_memory_open_session(void *base, uint64_t bytes);

/* Unmaps it once no RAW thread is inside any more; where one stays too long it remains mapped until the
 * next session. ms_active must be 0. */
void ms_memory_close_session(void);

void ms_memory_clear_filters(void);

/* From now on a forked child is silent from its first instruction on. */
void ms_memory_silence_children(void);

#endif
