/* python.h: what the shim knows of CPython: a table of functions it was handed, and where the fields lie
 * that it reads. No header of any CPython is included: one build serves all of them.
 */
#ifndef MS_PYTHON_H
#define MS_PYTHON_H

#include "memscope_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PyMemAllocatorEx, unchanged since CPython 3.5 (Include/cpython/pymem.h). */
struct ms_allocator {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *block, size_t size);
    void (*free)(void *ctx, void *block);
};
_Static_assert(sizeof(struct ms_allocator) == 40, "PyMemAllocatorEx");

struct ms_python {
    void (*get_allocator)(int domain, struct ms_allocator *allocator);
    void (*set_allocator)(int domain, struct ms_allocator *allocator);
    void *(*this_thread_state)(void);    /* this thread's own, attached or not */
    void *(*current_thread_state)(void); /* <= 3.11: of whoever holds the GIL; 3.12+: of this thread */
    int (*is_initialized)(void);
    int (*is_finalizing)(void);
    const void *code_type;
    const void *unicode_type;
    const void *bytes_type;
};

/* How frames are linked. */
enum ms_frame_shape {
    MS_FRAMES_OBJECTS = 1, /* 3.9, 3.10: PyFrameObject */
    MS_FRAMES_CFRAME = 2,  /* 3.11, 3.12: tstate->cframe->current_frame */
    MS_FRAMES_DIRECT = 3,  /* 3.13+: tstate->current_frame */
};

/* Offsets in bytes. Read off the headers of each version; a test compiles those headers and compares. */
struct ms_layout {
    uint32_t version; /* PY_VERSION_HEX >> 16 */
    uint16_t shape;   /* enum ms_frame_shape */
    uint16_t tstate_frame;
    uint16_t cframe_current;
    uint16_t frame_code;
    uint16_t frame_previous;
    uint16_t frame_instruction; /* f_lasti | prev_instr | instr_ptr */
    uint16_t frame_owner;       /* 0: frames have none */
    uint16_t instruction_scale; /* MS_FRAMES_OBJECTS: bytes per unit of f_lasti */
    uint16_t code_filename;
    uint16_t code_name; /* co_qualname where there is one */
    uint16_t code_firstlineno;
    uint16_t code_linetable;
    uint16_t code_instructions; /* co_code_adaptive; 0: not needed */
    uint16_t code_firsttraceable;
    uint16_t ascii_data;   /* sizeof(PyASCIIObject) */
    uint16_t compact_data; /* sizeof(PyCompactUnicodeObject) */
};

/* The layout of a CPython with this PY_VERSION_HEX, or NULL. */
const struct ms_layout *ms_layout_of(uint32_t hexversion);

/* Fields every version so far has at the same place. */
enum {
    MS_OBJECT_TYPE = 8,      /* PyObject.ob_type */
    MS_TSTATE_INTERPRETER = 16, /* PyThreadState.interp */
    MS_UNICODE_LENGTH = 16,  /* PyASCIIObject.length, in characters */
    MS_UNICODE_STATE = 32,   /* PyASCIIObject.state: interned:2 kind:3 compact:1 ascii:1 */
    MS_BYTES_SIZE = 16,      /* PyVarObject.ob_size */
    MS_BYTES_DATA = 32,      /* PyBytesObject.ob_sval */
    MS_OWNED_BY_THREAD = 0,
    MS_OWNED_BY_GENERATOR = 1,
    MS_REFERENCE_TAG = 3,    /* 3.14+: bits of a _PyStackRef that are no address; objects lie on 8 and more */
};

static inline uint64_t ms_word_at(const void *base, uint32_t offset)
{
    return *(const uint64_t *)((const unsigned char *)base + offset);
}

static inline const void *ms_pointer_at(const void *base, uint32_t offset)
{
    return *(const void *const *)((const unsigned char *)base + offset);
}

#endif
