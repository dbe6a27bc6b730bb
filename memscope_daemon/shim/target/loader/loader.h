/* loader.h: what the two halves of the injected loader share. See loader.c for the theory. */
#ifndef MEMSCOPE_LOADER_H
#define MEMSCOPE_LOADER_H

#include "memscope_abi.h"

/* Everything of the loader lies in one section of its own, so that it can be copied as one piece. */
#define MS_LOADER __attribute__((section("memscope_loader"), used))
#define MS_LOADER_ENTRY __attribute__((section("memscope_loader"), used, visibility("default")))
#define MS_LOADER_INLINE static inline __attribute__((always_inline))

/* Entries, found by name in the .dynsym of the built library. */
void ms_loader_clone_child(void);          /* route K: the bare thread's first instruction */
void *ms_loader_pthread_main(void *page);  /* route P: the new thread's start routine */
void ms_loader_park(void);                 /* route P: where pthread_create returns to */

#endif
