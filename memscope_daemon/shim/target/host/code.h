/* code.h: a code object is copied once, at first sight, under the GIL: file, name, first line, line table.
 *
 * It is known by its address from then on, until it dies. Its death is seen by our own free hook: the code
 * object's address stands in the live table like that of a sampled block (is_code), so the filter that
 * every free passes anyway finds it. No watcher is registered and no reference kept in the target.
 */
#ifndef MS_CODE_H
#define MS_CODE_H

#include "host/state.h"

/* The number of `code`, copying it when it is new; 0: could not be copied (counted). */
uint32_t ms_code_number_nopy(const void *code);

/* The code object at `address` is being freed. Where it is a sampled block as well, that entry stays. */
void ms_code_forget_nopy(uint64_t address);

/* The offset of `frame`'s instruction in bytes from the start of its code's instructions. */
uint32_t ms_code_offset_nopy(const struct ms_walked_frame *frame);

#endif
