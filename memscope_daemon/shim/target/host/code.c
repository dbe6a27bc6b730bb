#include "host/code.h"

#include "host/frames.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 4096, LINETABLE_BYTES_MAX = 256 * 1024 };

/* A piece of the target's memory to be copied. */
struct span {
    const void *data;
    uint32_t bytes;
    uint8_t text; /* enum ms_text */
};

static struct span unicode_span_nopy(const void *object)
{
    struct span none = {NULL, 0, MS_TEXT_ASCII};
    if (!object || ms_pointer_at(object, MS_OBJECT_TYPE) != ms_python.unicode_type)
        return none;
    uint32_t state = (uint32_t)ms_word_at(object, MS_UNICODE_STATE);
    uint64_t length = ms_word_at(object, MS_UNICODE_LENGTH);
    uint32_t kind = (state >> 2) & 7;
    bool compact = (state >> 5) & 1;
    bool ascii = (state >> 6) & 1;
    if (!compact || (kind != 1 && kind != 2 && kind != 4))
        return none;
    uint64_t bytes_max = TEXT_BYTES_MAX;
    bool cut = length * kind > bytes_max;
    uint32_t bytes = (uint32_t)(cut ? bytes_max : length * kind);
    uint8_t text = (uint8_t)(ascii ? MS_TEXT_ASCII : kind) | (cut ? MS_TEXT_CUT : 0);
    return (struct span){(const char *)object + (ascii ? ms_layout->ascii_data : ms_layout->compact_data), bytes, text};
}

static struct span bytes_span_nopy(const void *object)
{
    struct span none = {NULL, 0, 0};
    if (!object || ms_pointer_at(object, MS_OBJECT_TYPE) != ms_python.bytes_type)
        return none;
    uint64_t bytes = ms_word_at(object, MS_BYTES_SIZE);
    if (bytes > LINETABLE_BYTES_MAX)
        return none;
    return (struct span){(const char *)object + MS_BYTES_DATA, (uint32_t)bytes, 0};
}

static unsigned char *put(unsigned char *at, const struct span *span)
{
    if (span->bytes)
        memcpy(at, span->data, span->bytes);
    return at + span->bytes;
}

static bool publish_nopy(const void *code, uint32_t number)
{
    struct span file = unicode_span_nopy(ms_pointer_at(code, ms_layout->code_filename));
    struct span name = unicode_span_nopy(ms_pointer_at(code, ms_layout->code_name));
    struct span lines = bytes_span_nopy(ms_pointer_at(code, ms_layout->code_linetable));
    if (lines.bytes > ms_shared.meta.capacity / 4)
        lines = (struct span){NULL, 0, 0};
    uint64_t bytes = sizeof(struct ms_meta_code) + file.bytes + name.bytes + lines.bytes;
    bytes = (bytes + 7) & ~7ull;
    struct ms_meta_code *entry = ms_writer_entry(&ms_shared.meta, bytes);
    if (!entry)
        return false;
    *entry = (struct ms_meta_code){
        .head = {(uint32_t)bytes, MS_META_CODE, lines.data ? 0 : MS_CODE_NO_LINES},
        .code = number,
        .first_line = *(const int32_t *)((const char *)code + ms_layout->code_firstlineno),
        .file_bytes = file.bytes,
        .name_bytes = name.bytes,
        .linetable_bytes = lines.bytes,
        .file_text = file.text,
        .name_text = name.text,
    };
    put(put(put((unsigned char *)(entry + 1), &file), &name), &lines);
    ms_writer_publish(&ms_shared.meta, bytes);
    return true;
}

/* Puts the code's address where the free hook will find it. */
static bool follow_nopy(const void *code)
{
    bool stale;
    struct ms_live *entry = ms_live_insert(&ms_shared.live, (uint64_t)code, true, &stale);
    if (!entry)
        return false;
    if (stale) { /* it was sampled when it was made: its end is still to be reported */
        entry->is_code = MS_LIVE_BLOCK_AND_CODE;
        return true;
    }
    ms_filter_add(&ms_gil.filter, (uintptr_t)code);
    entry->is_code = MS_LIVE_CODE;
    entry->id = 0;
    return true;
}

static void unfollow_nopy(uint64_t address)
{
    struct ms_live *entry = ms_live_find(&ms_shared.live, address);
    if (!entry || entry->is_code == MS_LIVE_BLOCK)
        return;
    if (entry->is_code == MS_LIVE_BLOCK_AND_CODE) {
        entry->is_code = MS_LIVE_BLOCK;
        return;
    }
    ms_live_remove(&ms_shared.live, entry);
    ms_filter_remove(&ms_gil.filter, (uintptr_t)address);
}

uint32_t ms_code_number_nopy(const void *code)
{
    uint32_t number = ms_intern_find(&ms_shared.codes, (uint64_t)code);
    if (number)
        return number;
    number = ms_intern_add(&ms_shared.codes, (uint64_t)code);
    if (number && follow_nopy(code)) {
        if (publish_nopy(code, number))
            return number;
        unfollow_nopy((uint64_t)code);
    }
    if (number)
        ms_intern_remove(&ms_shared.codes, (uint64_t)code);
    ms_count_loss_nosys(MS_LOSS_CODE_LOST, 0.0, 0);
    return 0;
}

void ms_code_forget_nopy(uint64_t address)
{
    ms_intern_remove(&ms_shared.codes, address);
    unfollow_nopy(address);
    ms_forget_walk_nopy();
}

uint32_t ms_code_offset_nopy(const struct ms_walked_frame *frame)
{
    int64_t offset;
    if (ms_layout->shape == MS_FRAMES_OBJECTS)
        offset = (int64_t)frame->instruction * (ms_layout->instruction_scale);
    else
        offset = (int64_t)(frame->instruction - ((uint64_t)frame->code + ms_layout->code_instructions));
    return offset < 0 || offset > INT32_MAX ? UINT32_MAX : (uint32_t)offset;
}
