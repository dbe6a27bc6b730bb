/* A shim that only counts: stands in for the real one where the injection itself is under test. */
#include "memscope_abi.h"

#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

int memscope_shim_enter_1(struct ms_attach *page);
EXPORT unsigned long stub_entered, stub_left;

EXPORT int
memscope_shim_enter_1(struct ms_attach *page)
{
    if (page->operation == MS_OP_LEAVE) {
        stub_left++;
        return MS_OK;
    }
    ((volatile char *)page->shared_address)[0] = 1; /* the file must have its size by now */
    munmap((void *)page->shared_address, page->shared_bytes);
    stub_entered++;
    return MS_OK;
}
