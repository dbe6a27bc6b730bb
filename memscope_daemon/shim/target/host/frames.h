/* frames.h: which Python code is running on this thread, by direct reads of its own frame chain.
 *
 * Only the calling thread's chain is walked, and only under the GIL: it cannot change while its thread is
 * in here. No object is created, no reference taken, no function of the interpreter called that could run
 * code or allocate. Only frames owned by a thread or a generator whose code object says that it is one are
 * believed; the number of frames looked at is bounded.
 */
#ifndef MS_FRAMES_H
#define MS_FRAMES_H

#include "host/state.h"

/* Walks the frames of `thread_state` into ms_gil.walk: at most `depth` (>= 1) frames, innermost first.
 * walk.stack is still set afterwards if they are the same as at the last walk. `truncated` may be set for a
 * stack of exactly `depth` frames with only frames of the interpreter's own behind them. */
void ms_walk_frames_nopy(const void *thread_state, uint32_t depth);

/* Forget the last walk (a code object went, a session began). */
void ms_forget_walk_nopy(void);

#endif
