"""The header and layout.py say the same: every size, offset, number and name, asked of the compiler."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import pytest

from memscope_daemon.shim import layout

INCLUDE = Path(layout.__file__).parent / "target" / "include"
HEADER = INCLUDE / "memscope_abi.h"
TEXT = HEADER.read_text()

STRUCTURES = {
    "ms_record": layout.Record,
    "ms_meta_head": layout.MetaHead,
    "ms_meta_code": layout.MetaCode,
    "ms_frame_ref": layout.FrameRef,
    "ms_meta_stack": layout.MetaStack,
    "ms_meta_thread": layout.MetaThread,
    "ms_meta_sampling": layout.MetaSampling,
    "ms_loss_counter": layout.LossCounter,
    "ms_control": layout.Control,
    "ms_status": layout.Status,
    "ms_cost": layout.Cost,
    "ms_ring": layout.Ring,
    "ms_session": layout.Session,
    "ms_live": layout.Live,
    "ms_slot": layout.Slot,
    "ms_python_api": layout.PythonApi,
    "ms_libc_api": layout.LibcApi,
    "ms_attach": layout.Attach,
}
#: enum of the header -> (enum of layout.py, prefixes that names lose on the way)
ENUMS = {
    "ms_kind": (layout.Kind, ("MS_KIND_",)),
    "ms_domain": (layout.Domain, ("MS_DOMAIN_",)),
    "ms_flag": (layout.Flag, ("MS_FLAG_",)),
    "ms_meta_kind": (layout.MetaKind, ("MS_META_",)),
    "ms_text": (layout.Text, ("MS_TEXT_",)),
    "ms_mode": (layout.Mode, ("MS_MODE_",)),
    "ms_state": (layout.State, ("MS_STATE_",)),
    "ms_operation": (layout.Operation, ("MS_OP_",)),
    "ms_stage": (layout.Stage, ("MS_STAGE_",)),
    "ms_outcome": (layout.Outcome, ("MS_FAIL_", "MS_ENTER_", "MS_")),
}
#: members that mean "nothing" and have no name in Python
ZEROS = {"MS_KIND_NONE", "MS_TEXT_ASCII"}
CONSTANTS = {
    "MS_ABI_VERSION": layout.ABI_VERSION,
    "MS_SESSION_MAGIC": layout.SESSION_MAGIC,
    "MS_ATTACH_MAGIC": layout.ATTACH_MAGIC,
    "MS_ATTACH_BYTES": layout.ATTACH_BYTES,
    "MS_READER_TIMEOUT_NS": layout.READER_TIMEOUT_NS,
    "MS_DEPTH_MAX": layout.DEPTH_MAX,
    "MS_GENERATION_WRITING": layout.GENERATION_WRITING,
    "MS_LIVE_BYTES": layout.LIVE_BYTES,
    "MS_LOSS_ROOM": layout.LOSS_ROOM,
    "MS_TIMED_EACH": layout.TIMED_EACH,
    "MS_LOSS_COUNT": len(layout.LOSSES),
}


def enum_members(name: str) -> list[str]:
    body = re.search(rf"enum {name} \{{(.*?)\}}", TEXT, re.DOTALL)
    assert body, name
    return re.findall(r"\b(MS_\w+)\b\s*(?:=|,|$)", re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL))


def expressions() -> list[str]:
    found = list(CONSTANTS) + [f"MS_LOSS_{cause}" for cause in layout.LOSSES]
    for name in ENUMS:
        found += enum_members(name)
    for name, structure in STRUCTURES.items():
        found.append(f"sizeof(struct {name})")
        for field in (field[0] for field in structure._fields_):
            found += [f"offsetof(struct {name}, {field})", f"sizeof(((struct {name} *)0)->{field})"]
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The value of each expression, from the compiler."""
    folder = tmp_path_factory.mktemp("abi")
    lines = "".join(f'printf("%lld\\n", (long long)({text}));\n' for text in expressions())
    source = (
        f'#include "memscope_abi.h"\n#include <stdio.h>\nint main(void) {{ {lines} puts(MS_ENTRY_NAME); }}'
    )
    (folder / "ask.c").write_text(source)
    subprocess.run(["gcc", "-std=gnu11", f"-I{INCLUDE}", "ask.c", "-o", "ask"], cwd=folder, check=True)
    answers = subprocess.run([folder / "ask"], capture_output=True, text=True, check=True).stdout.split()
    assert answers.pop() == layout.ENTRY_NAME
    return dict(zip(expressions(), map(int, answers), strict=True))


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_field_lies_where_the_header_has_it(compiled, name):
    structure = STRUCTURES[name]
    assert compiled[f"sizeof(struct {name})"] == ctypes.sizeof(structure)
    for field in (field[0] for field in structure._fields_):
        descriptor = getattr(structure, field)
        assert compiled[f"offsetof(struct {name}, {field})"] == descriptor.offset, field
        assert compiled[f"sizeof(((struct {name} *)0)->{field})"] == descriptor.size, field


def test_every_structure_of_the_header_is_known():
    assert set(re.findall(r"^struct (\w+) \{", TEXT, re.MULTILINE)) == set(STRUCTURES)


@pytest.mark.parametrize("name", ENUMS)
def test_every_number_has_the_header_s_name(compiled, name):
    python, prefixes = ENUMS[name]
    there = {}
    for member in enum_members(name):
        if member not in ZEROS:
            prefix = next(prefix for prefix in prefixes if member.startswith(prefix))
            there[member.removeprefix(prefix)] = compiled[member]
    assert there == {member.name: member.value for member in python}


def test_the_constants_are_the_header_s(compiled):
    for name, value in CONSTANTS.items():
        assert compiled[name] == value, name


def test_the_list_of_losses_is_the_header_s_in_its_order(compiled):
    listed = re.search(r"#define MS_LOSSES\(X\)(.*?)\n\n", TEXT, re.DOTALL)
    assert listed
    assert tuple(re.findall(r"X\((\w+)\)", listed[1])) == layout.LOSSES
    assert [compiled[f"MS_LOSS_{cause}"] for cause in layout.LOSSES] == list(range(len(layout.LOSSES)))


@pytest.mark.parametrize(
    ("macro", "names"), [("MS_PYTHON_API", layout.PYTHON_API), ("MS_LIBC_API", layout.LIBC_API)]
)
def test_the_functions_handed_over_are_the_header_s(macro, names):
    listed = re.search(rf"#define {macro}\(X\)(.*?)\n\n", TEXT, re.DOTALL)
    assert listed
    assert re.findall(r"X\((\w+)\)", listed[1]) == list(names)
