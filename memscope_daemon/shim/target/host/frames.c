#include "host/frames.h"

/* Frames looked at per wanted frame: incomplete and foreign ones are skipped, but not without end. */
enum { LOOKED_AT_MAX = 2 * MS_DEPTH_MAX };

static const void *first_frame_nopy(const void *thread_state)
{
    const void *frame = ms_pointer_at(thread_state, ms_layout->tstate_frame);
    if (ms_layout->shape == MS_FRAMES_CFRAME && frame)
        frame = ms_pointer_at(frame, ms_layout->cframe_current);
    return frame;
}

/* 3.11+: a frame whose first traceable instruction has not been reached is still being built. */
static bool complete_nopy(const void *frame, const void *code, unsigned owner)
{
    if (owner == MS_OWNED_BY_GENERATOR)
        return true;
    int32_t first = *(const int32_t *)((const char *)code + ms_layout->code_firsttraceable);
    const char *start = (const char *)code + ms_layout->code_instructions;
    return (const char *)ms_pointer_at(frame, ms_layout->frame_instruction) >= start + 2 * (int64_t)first;
}

/* Is `code`, as found in `frame`, really the code of a frame that runs Python? */
static bool believable_nopy(const void *frame, const void *code)
{
    unsigned owner = MS_OWNED_BY_THREAD;
    if (ms_layout->frame_owner) {
        owner = *((const unsigned char *)frame + ms_layout->frame_owner);
        if (owner != MS_OWNED_BY_THREAD && owner != MS_OWNED_BY_GENERATOR)
            return false;
    }
    if (!code || ms_pointer_at(code, MS_OBJECT_TYPE) != ms_python.code_type)
        return false;
    return !ms_layout->frame_owner || complete_nopy(frame, code, owner);
}

/* 3.14+: a frame's code is a tagged reference. Whether the object is code is asked later. */
static const void *code_of_nopy(const void *frame)
{
    return (const void *)(ms_word_at(frame, ms_layout->frame_code) & ~(uint64_t)MS_REFERENCE_TAG);
}

static uint64_t instruction_of_nopy(const void *frame)
{
    if (ms_layout->shape == MS_FRAMES_OBJECTS)
        return (uint64_t)(int64_t) * (const int32_t *)((const char *)frame + ms_layout->frame_instruction);
    return ms_word_at(frame, ms_layout->frame_instruction);
}

/* Puts the frame into `slot`. A storm allocates from one place: where code and instruction are those of the
 * last walk, nothing else of the frame need be looked at, it was believed then. False: not a Python frame. */
static bool take_nopy(const void *frame, struct ms_walked_frame *slot, bool *changed)
{
    const void *code = code_of_nopy(frame);
    uint64_t instruction = instruction_of_nopy(frame);
    *changed = slot->code != code || slot->instruction != instruction;
    if (!*changed)
        return true;
    if (!believable_nopy(frame, code))
        return false;
    if (slot->code != code)
        slot->number = 0;
    slot->code = code;
    slot->instruction = instruction;
    return true;
}

void ms_walk_frames_nopy(const void *thread_state, uint32_t depth)
{
    struct ms_walk *walk = &ms_gil.walk;
    const void *frame = thread_state ? first_frame_nopy(thread_state) : NULL;
    uint32_t count = 0;
    uint32_t changed_below = 0;
    bool truncated = false;
    for (int looked_at = 0; frame && looked_at < LOOKED_AT_MAX; looked_at++) {
        bool changed;
        if (count == depth) {
            truncated = true;
            break;
        }
        if (take_nopy(frame, &walk->frames[count], &changed)) {
            count++;
            if (changed)
                changed_below = count;
        }
        frame = ms_pointer_at(frame, ms_layout->frame_previous);
    }
    if (count != walk->count || truncated != walk->truncated)
        changed_below = count;
    if (changed_below)
        walk->stack = 0;
    walk->changed_below = changed_below > walk->changed_below ? changed_below : walk->changed_below;
    walk->count = count;
    walk->truncated = truncated;
}

void ms_forget_walk_nopy(void)
{
    ms_gil.walk.count = 0;
    ms_gil.walk.stack = 0;
    ms_gil.walk.changed_below = MS_DEPTH_MAX;
    for (uint32_t i = 0; i < MS_DEPTH_MAX; i++)
        ms_gil.walk.frames[i].code = NULL;
}
