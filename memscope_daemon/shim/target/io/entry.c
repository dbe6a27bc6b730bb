/* entry.c: what the loader calls, with the GIL held. */
#include "host/control.h"
#include "host/frames.h"
#include "host/hooks.h"
#include "io/clock.h"
#include "io/memory.h"

#include <link.h>
#include <string.h>

int memscope_shim_enter_1(struct ms_attach *attach);

static bool api_complete(const struct ms_attach *attach)
{
    const uint64_t *address = (const uint64_t *)&attach->python;
    for (size_t i = 0; i < sizeof attach->python / sizeof *address; i++)
        if (!address[i])
            return false;
    return true;
}

static void take_api(const struct ms_python_api *api)
{
    memcpy(&ms_python.get_allocator, &api->PyMem_GetAllocator, 8);
    memcpy(&ms_python.set_allocator, &api->PyMem_SetAllocator, 8);
    memcpy(&ms_python.this_thread_state, &api->PyGILState_GetThisThreadState, 8);
    memcpy(&ms_python.current_thread_state, &api->current_thread_state, 8);
    memcpy(&ms_python.is_initialized, &api->Py_IsInitialized, 8);
    memcpy(&ms_python.is_finalizing, &api->is_finalizing, 8);
    memcpy(&ms_python.code_type, &api->PyCode_Type, 8);
    memcpy(&ms_python.unicode_type, &api->PyUnicode_Type, 8);
    memcpy(&ms_python.bytes_type, &api->PyBytes_Type, 8);
}

/* Everything of an earlier session is forgotten; the epochs go on. */
static void reset(uint64_t seed)
{
    memset(&ms_gil, 0, sizeof ms_gil);
    ms_raw.lock = 0;
    ms_raw.last_id = 0;
    ms_raw.blocks = 0;
    ms_raw.seeds = seed;
    memset(&ms_raw.filter, 0, sizeof ms_raw.filter);
    ms_gil.seed = ms_gil.sampler.random = seed;
    ms_gil.generation = ~0ull; /* the control words are applied at once */
    ms_session_epoch++;
    ms_forget_walk_nopy();
}

static int enter(struct ms_attach *attach)
{
    if (ms_active)
        return MS_ENTER_ALREADY;
    if (!api_complete(attach))
        return MS_ENTER_NO_API;
    const struct ms_layout *layout = ms_layout_of(attach->python_hexversion);
    if (!layout)
        return MS_ENTER_BAD_VERSION;
    if (!ms_memory_open_session((void *)attach->shared_address, attach->shared_bytes))
        return MS_ENTER_BAD_SESSION;
    take_api(&attach->python);
    ms_layout = layout;
    const void *state = ms_python.current_thread_state();
    ms_interpreter = layout->version >= 0x030c && state ? ms_pointer_at(state, MS_TSTATE_INTERPRETER) : NULL;
    struct ms_status *status = &ms_shared.head->status;
    reset(ms_shared.head->control.seed);
    ms_control_apply_nopy();
    ms_memory_silence_children();
    status->python_hexversion = attach->python_hexversion;
    status->entered_ns = ms_clock_ns();
    status->hooks_on_top = ms_hooks_install();
    ms_hooks_tell(ms_shared.head);
    /* Until here the hooks, finding `active` at 0, put themselves to sleep. Now they are woken: a new gap
     * for the GIL side, a new epoch for every thread's RAW side. */
    __atomic_store_n(&ms_active, 1, __ATOMIC_SEQ_CST);
    ms_control_wake_nopy();
    __atomic_store_n(&status->state, MS_STATE_ACTIVE, __ATOMIC_RELEASE);
    return MS_OK;
}

static int leave(void)
{
    if (!ms_layout)
        return MS_ENTER_NOTHING_TO_DO;
    bool session = ms_active;
    uint32_t left = session ? ms_hooks_leave() : ms_hooks_remove();
    if (left)
        return MS_LEFT_IN_CHAIN;
    return session ? MS_OK : MS_ENTER_NOTHING_TO_DO;
}

/* Loaded through a descriptor that is closed at once: whoever goes through the list of libraries and opens
 * each by its name must not come upon whatever has that number next. */
static void name_library(const struct ms_attach *attach)
{
    static char name[] = "/memfd:memscope_shim.so (deleted)";
    if (attach->library)
        ((struct link_map *)attach->library)->l_name = name;
}

__attribute__((visibility("default"))) int memscope_shim_enter_1(struct ms_attach *attach)
{
    if (attach->magic != MS_ATTACH_MAGIC)
        return MS_ENTER_BAD_VERSION;
    if (attach->abi_version != MS_ABI_VERSION) /* a newer or older memscope may take the hooks out all the same */
        return attach->operation == MS_OP_LEAVE ? leave() : MS_ENTER_BAD_VERSION;
    name_library(attach);
    if (attach->operation == MS_OP_ENTER)
        return enter(attach);
    if (attach->operation == MS_OP_LEAVE)
        return leave();
    return MS_ENTER_BAD_VERSION;
}
