/* Compiled against one CPython's own headers: are the offsets of host/layout.c those of this version? */
#define Py_BUILD_CORE
#include <Python.h>

#include <frameobject.h>
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe_structs.h>
#include <internal/pycore_stackref.h>
#endif
#undef HAVE_STD_ATOMIC
#include "host/layout.c"

static int wrong;

static void same(const char *name, size_t ours, size_t theirs)
{
    if (ours != theirs) {
        printf("%s: ours %zu, the headers' %zu\n", name, ours, theirs);
        wrong = 1;
    }
}

int main(void)
{
    const struct ms_layout *l = ms_layout_of(PY_VERSION_HEX);
    if (!l) {
        puts("no layout for this version");
        return 2;
    }
#if PY_VERSION_HEX < 0x030b0000
    same("tstate", l->tstate_frame, offsetof(PyThreadState, frame));
    same("code", l->frame_code, offsetof(struct _frame, f_code));
    same("previous", l->frame_previous, offsetof(struct _frame, f_back));
    same("instruction", l->frame_instruction, offsetof(struct _frame, f_lasti));
    same("name", l->code_name, offsetof(PyCodeObject, co_name));
#else
#if PY_VERSION_HEX < 0x030d0000
    same("tstate", l->tstate_frame, offsetof(PyThreadState, cframe));
    same("cframe", l->cframe_current, offsetof(_PyCFrame, current_frame));
    same("code", l->frame_code, offsetof(_PyInterpreterFrame, f_code));
    same("instruction", l->frame_instruction, offsetof(_PyInterpreterFrame, prev_instr));
#else
    same("tstate", l->tstate_frame, offsetof(PyThreadState, current_frame));
    same("code", l->frame_code, offsetof(_PyInterpreterFrame, f_executable));
    same("instruction", l->frame_instruction, offsetof(_PyInterpreterFrame, instr_ptr));
#endif
    same("previous", l->frame_previous, offsetof(_PyInterpreterFrame, previous));
    same("owner", l->frame_owner, offsetof(_PyInterpreterFrame, owner));
    same("name", l->code_name, offsetof(PyCodeObject, co_qualname));
    same("instructions", l->code_instructions, offsetof(PyCodeObject, co_code_adaptive));
    same("firsttraceable", l->code_firsttraceable, offsetof(PyCodeObject, _co_firsttraceable));
    same("thread", MS_OWNED_BY_THREAD, FRAME_OWNED_BY_THREAD);
#if PY_VERSION_HEX >= 0x030e0000
    same("tag", MS_REFERENCE_TAG, Py_TAG_BITS);
#endif
    same("generator", MS_OWNED_BY_GENERATOR, FRAME_OWNED_BY_GENERATOR);
#endif
#if PY_VERSION_HEX >= 0x030a0000
    same("lines", l->code_linetable, offsetof(PyCodeObject, co_linetable));
#else
    same("lines", l->code_linetable, offsetof(PyCodeObject, co_lnotab));
#endif
    same("file", l->code_filename, offsetof(PyCodeObject, co_filename));
    same("first line", l->code_firstlineno, offsetof(PyCodeObject, co_firstlineno));
    same("ascii", l->ascii_data, sizeof(PyASCIIObject));
    same("compact", l->compact_data, sizeof(PyCompactUnicodeObject));
    same("interpreter", MS_TSTATE_INTERPRETER, offsetof(PyThreadState, interp));
    same("type", MS_OBJECT_TYPE, offsetof(PyObject, ob_type));
    same("length", MS_UNICODE_LENGTH, offsetof(PyASCIIObject, length));
    same("state", MS_UNICODE_STATE, offsetof(PyASCIIObject, state));
    same("bytes size", MS_BYTES_SIZE, offsetof(PyVarObject, ob_size));
    same("bytes data", MS_BYTES_DATA, offsetof(PyBytesObject, ob_sval));
    same("allocator", sizeof(struct ms_allocator), sizeof(PyMemAllocatorEx));
    if (!wrong)
        puts("ok");
    return wrong;
}
