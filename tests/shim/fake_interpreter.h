/* An interpreter as far as the shim looks at one (3.13's shape), and the memory that it shares with a shipper:
 * allocators, a thread state for each thread that has one, frames, code objects. */
#ifndef FAKE_INTERPRETER_H
#define FAKE_INTERPRETER_H
#define _GNU_SOURCE

#include "host/hooks.h"
#include "host/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int memscope_shim_enter_1(struct ms_attach *attach);

enum { HEXVERSION = 0x030d00f0, FRAMES = 6, CODE_BYTES = 512, STATE_BYTES = 256 };

static char code_type, unicode_type, bytes_type;
static struct ms_allocator installed[MS_DOMAINS];
static unsigned char interpreter[64], frames[FRAMES][128] __attribute__((aligned(16)));
static __thread unsigned char *state_of_thread; /* NULL: this thread does not hold the GIL */

static void *plain_malloc(void *ctx, size_t size) { return (void)ctx, malloc(size ? size : 1); }
static void *plain_calloc(void *ctx, size_t count, size_t size) { return (void)ctx, calloc(count, size ? size : 1); }
static void *plain_realloc(void *ctx, void *old, size_t size) { return (void)ctx, realloc(old, size ? size : 1); }
static void plain_free(void *ctx, void *old) { (void)ctx, free(old); }
static void get_allocator(int domain, struct ms_allocator *allocator) { *allocator = installed[domain]; }
static void set_allocator(int domain, struct ms_allocator *allocator) { installed[domain] = *allocator; }
static void *thread_state(void) { return state_of_thread; }
static int yes(void) { return 1; }
static int no(void) { return 0; }

static void put(void *base, uint32_t offset, const void *pointer)
{
    memcpy((unsigned char *)base + offset, &pointer, 8);
}

static void *fake_text(const char *text)
{
    unsigned char *object = calloc(1, 128);
    uint64_t length = strlen(text), state = 1 << 2 | 1 << 5 | 1 << 6;
    put(object, MS_OBJECT_TYPE, &unicode_type);
    memcpy(object + MS_UNICODE_LENGTH, &length, 8);
    memcpy(object + MS_UNICODE_STATE, &state, 8);
    memcpy(object + ms_layout_of(HEXVERSION)->ascii_data, text, length);
    return object;
}

/* In the memory of the interpreter's own allocator, as code objects are. */
static void *fake_code(void)
{
    static void *text, *lines;
    const struct ms_layout *layout = ms_layout_of(HEXVERSION);
    if (!text) {
        text = fake_text("app.py");
        lines = calloc(1, 64);
        put(lines, MS_OBJECT_TYPE, &bytes_type);
    }
    unsigned char *code = installed[MS_DOMAIN_OBJ].malloc(installed[MS_DOMAIN_OBJ].ctx, CODE_BYTES);
    memset(code, 0, CODE_BYTES);
    put(code, MS_OBJECT_TYPE, &code_type);
    put(code, layout->code_filename, text);
    put(code, layout->code_name, text);
    put(code, layout->code_linetable, lines);
    return code;
}

/* Frames 0..count-1 run `code`, innermost first. */
static void fake_frames(unsigned char *state, void *const *code, uint32_t count, uint64_t instruction)
{
    const struct ms_layout *layout = ms_layout_of(HEXVERSION);
    for (uint32_t i = 0; i < count; i++) {
        put(frames[i], layout->frame_code, code[i]);
        put(frames[i], layout->frame_instruction,
            (unsigned char *)code[i] + layout->code_instructions + 2 * (instruction % 64));
        put(frames[i], layout->frame_previous, i + 1 < count ? frames[i + 1] : NULL);
        frames[i][layout->frame_owner] = MS_OWNED_BY_THREAD;
    }
    put(state, layout->tstate_frame, count ? frames[0] : NULL);
}

static unsigned char *fake_state(void)
{
    unsigned char *state = calloc(1, STATE_BYTES);
    put(state, MS_TSTATE_INTERPRETER, interpreter);
    return state;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* A file of zeros for the shared memory, mapped twice: at `room` (NULL: anywhere) for the target, who gives its own
 * mapping back when it leaves, and for the shipper. */
static void share(void *room, uint64_t bytes, void *ours, void *theirs)
{
    int file = memfd_create("shared", 0);
    if (file < 0 || ftruncate(file, (off_t)bytes))
        exit(2);
    void *one = mmap(room, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | (room ? MAP_FIXED : 0), file, 0);
    void *other = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (one == MAP_FAILED || other == MAP_FAILED)
        exit(2);
    memcpy(ours, &one, sizeof one);
    memcpy(theirs, &other, sizeof other);
}

enum { PARTS = 7, PAGE = 4096 };

/* Writes the head of a session into zeroed memory: each part a page further on than it need be. */
static uint64_t lay_out(struct ms_session *head, const uint64_t *count)
{
    const uint64_t each[PARTS] = {64, 64, 1, MS_LIVE_BYTES, MS_LIVE_BYTES, 16, 16};
    uint64_t *word = &head->events_offset, end = PAGE;
    for (int part = 0; part < PARTS; part++) {
        *word++ = end;
        *word++ = count[part];
        end += (count[part] * each[part] + PAGE - 1) / PAGE * PAGE;
    }
    head->magic = MS_SESSION_MAGIC;
    head->abi_version = MS_ABI_VERSION;
    head->header_bytes = sizeof *head;
    head->total_bytes = end;
    head->control = (struct ms_control){.value = 1.0, .mode = MS_MODE_RATE, .depth = 4, .stacks = 1};
    head->control.heartbeat_ns = now_ns() + (1ull << 42);
    return end;
}

static int enter(void *shared, uint64_t bytes, uint32_t operation)
{
    static const struct ms_allocator plain = {NULL, plain_malloc, plain_calloc, plain_realloc, plain_free};
    struct ms_attach page = {.magic = MS_ATTACH_MAGIC, .abi_version = MS_ABI_VERSION, .operation = operation};
    uint64_t *api = (uint64_t *)&page.python;
    for (size_t i = 0; i < sizeof page.python / 8; i++)
        api[i] = (uint64_t)yes; /* what only the loader calls */
    for (int domain = 0; domain < MS_DOMAINS; domain++)
        if (!installed[domain].malloc)
            installed[domain] = plain;
    page.python.PyMem_GetAllocator = (uint64_t)get_allocator;
    page.python.PyMem_SetAllocator = (uint64_t)set_allocator;
    page.python.PyGILState_GetThisThreadState = page.python.current_thread_state = (uint64_t)thread_state;
    page.python.is_finalizing = (uint64_t)no;
    page.python.PyCode_Type = (uint64_t)&code_type;
    page.python.PyUnicode_Type = (uint64_t)&unicode_type;
    page.python.PyBytes_Type = (uint64_t)&bytes_type;
    page.python_hexversion = HEXVERSION;
    page.shared_address = (uint64_t)shared;
    page.shared_bytes = bytes;
    return memscope_shim_enter_1(&page);
}

#endif
