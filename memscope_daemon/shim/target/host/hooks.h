/* hooks.h: putting the hooks in and taking them out. All under the GIL. */
#ifndef MS_HOOKS_H
#define MS_HOOKS_H

#include "host/state.h"

/* Chains our functions over what is installed now, where they are not in the chain already. Returns the
 * bit set of domains in which they stand now. */
uint32_t ms_hooks_install(void);

/* Writes down where the outside may see whether our functions are still in the tables. */
void ms_hooks_tell(struct ms_session *head);

/* Takes our functions out where they are on top. Returns the bit set of domains in which they had to stay,
 * under another tool's; there they pass through. */
uint32_t ms_hooks_remove(void);

/* Ends the session: stops recording, takes the hooks out, answers DETACHED, lets go of the shared memory.
 * Returns what ms_hooks_remove returned. Nothing happens where no session is open. */
uint32_t ms_hooks_leave(void);

#endif
