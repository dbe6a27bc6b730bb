/* control.h: the control words, read on the slow path under the GIL. */
#ifndef MS_CONTROL_APPLY_H
#define MS_CONTROL_APPLY_H

#include "host/state.h"

/* Takes over a newer setting, if there is one: announces it, then draws a new gap under it (what is left
 * of the old gap may be thrown away: it has no memory). A depth out of bounds is brought into bounds; a mode
 * and value that make no sense together are not taken over (at the start: "off"). */
void ms_control_apply_nopy(void);

/* Starts a new gap under the newest setting, here and in every thread's RAW sampler. */
void ms_control_wake_nopy(void);

#endif
