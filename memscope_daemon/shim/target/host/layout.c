#include "host/python.h"

static const struct ms_layout LAYOUTS[] = {
    {
        .version = 0x0309, .shape = MS_FRAMES_OBJECTS, .tstate_frame = 24,
        .frame_code = 32, .frame_previous = 24, .frame_instruction = 104, .instruction_scale = 1,
        .code_filename = 104, .code_name = 112, .code_firstlineno = 40, .code_linetable = 120,
        .ascii_data = 48, .compact_data = 72,
    },
    {
        .version = 0x030a, .shape = MS_FRAMES_OBJECTS, .tstate_frame = 24,
        .frame_code = 32, .frame_previous = 24, .frame_instruction = 96, .instruction_scale = 2,
        .code_filename = 104, .code_name = 112, .code_firstlineno = 40, .code_linetable = 120,
        .ascii_data = 48, .compact_data = 72,
    },
    {
        .version = 0x030b, .shape = MS_FRAMES_CFRAME, .tstate_frame = 56, .cframe_current = 8,
        .frame_code = 32, .frame_previous = 48, .frame_instruction = 56, .frame_owner = 69,
        .code_filename = 112, .code_name = 128, .code_firstlineno = 72, .code_linetable = 136,
        .code_instructions = 184, .code_firsttraceable = 168,
        .ascii_data = 48, .compact_data = 72,
    },
    {
        .version = 0x030c, .shape = MS_FRAMES_CFRAME, .tstate_frame = 56, .cframe_current = 0,
        .frame_code = 0, .frame_previous = 8, .frame_instruction = 56, .frame_owner = 70,
        .code_filename = 112, .code_name = 128, .code_firstlineno = 68, .code_linetable = 136,
        .code_instructions = 192, .code_firsttraceable = 176,
        .ascii_data = 40, .compact_data = 56,
    },
    {
        .version = 0x030d, .shape = MS_FRAMES_DIRECT, .tstate_frame = 72,
        .frame_code = 0, .frame_previous = 8, .frame_instruction = 56, .frame_owner = 70,
        .code_filename = 112, .code_name = 128, .code_firstlineno = 68, .code_linetable = 136,
        .code_instructions = 200, .code_firsttraceable = 184,
        .ascii_data = 40, .compact_data = 56,
    },
    {
        .version = 0x030e, .shape = MS_FRAMES_DIRECT, .tstate_frame = 72,
        .frame_code = 0, .frame_previous = 8, .frame_instruction = 56, .frame_owner = 74,
        .code_filename = 112, .code_name = 128, .code_firstlineno = 68, .code_linetable = 136,
        .code_instructions = 208, .code_firsttraceable = 192,
        .ascii_data = 40, .compact_data = 56,
    },
    {
        .version = 0x030f, .shape = MS_FRAMES_DIRECT, .tstate_frame = 72,
        .frame_code = 0, .frame_previous = 8, .frame_instruction = 56, .frame_owner = 74,
        .code_filename = 112, .code_name = 128, .code_firstlineno = 68, .code_linetable = 136,
        .code_instructions = 208, .code_firsttraceable = 192,
        .ascii_data = 40, .compact_data = 56,
    },
};

const struct ms_layout *ms_layout_of(uint32_t hexversion)
{
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++)
        if (LAYOUTS[i].version == hexversion >> 16)
            return &LAYOUTS[i];
    return NULL;
}
