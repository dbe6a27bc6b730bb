/* record.h: the slow paths: an allocation is due, or a block that was sampled goes.
 *
 * ..._gil_...: OBJ and MEM, under the GIL. ..._raw_...: RAW, with or without it.
 * All keep errno (where nothing in them could set it, by themselves). None allocates, blocks, or runs code of the interpreter.
 */
#ifndef MS_RECORD_H
#define MS_RECORD_H

#include "host/state.h"

#include <stddef.h>

/* Room for the entry of a block that realloc may move or free; address 0 = it was not sampled. */
typedef struct ms_live ms_taken;

/* `block` of `size` bytes was allocated (NULL: the allocation failed) and the sampler's gap has run out;
 * or it is the new place of `old`. */
void ms_gil_allocated(int domain, void *block, size_t size, const ms_taken *old);
void ms_raw_allocated(void *block, size_t size, const ms_taken *old);

/* `block` is about to be freed and may have been sampled. */
void ms_gil_freeing(void *block);
void ms_raw_freeing(void *block);

/* `block` is about to be reallocated: takes its entry out, into *old. */
void ms_gil_take(void *block, ms_taken *old);
void ms_raw_take(void *block, ms_taken *old);

/* The reallocation failed: the old block lives on. */
void ms_gil_put_back(const ms_taken *old);
void ms_raw_put_back(const ms_taken *old);

#endif
