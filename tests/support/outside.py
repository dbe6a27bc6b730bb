"""The state of a process, read from outside: /proc and its memory, without its help.

`ProcessState` is what must be as before after a detach. `ImageWords` are the writable words of the
interpreter itself, where its allocator tables lie. Nobody has to know where: the words that point into the
shim *while it is attached* are the hooks, and after a detach the very same words must hold what they held
before the attach, and no word of the image may point into the shim.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memscope_daemon.shim.shipper.images import read_memory, writable_data

SHIM_FILE = "memscope_shim"
INTERPRETER_FILE = re.compile(r"/(libpython3[.\d]*[a-z]*\.so[.\d]*|python3[.\d]*)( \(deleted\))?$")
SIGNAL_FIELDS = ("SigCgt", "SigIgn")
GLIBC_SIGNALS = 1 << 31 | 1 << 32  # SIGCANCEL and SIGSETXID: no program can set or send them


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """A row of /proc/PID/maps; ``path`` is empty for anonymous memory."""

    start: int
    end: int
    permissions: str
    path: str

    @property
    def is_executable(self) -> bool:
        return self.permissions[2] == "x"


def mappings(pid: int) -> tuple[Mapping, ...]:
    rows = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, _, _, _, *path = line.split(maxsplit=5)
        start, end = (int(text, 16) for text in span.split("-"))
        rows.append(Mapping(start, end, permissions, path[0] if path else ""))
    return tuple(rows)


def shim_mappings(pid: int) -> tuple[Mapping, ...]:
    return tuple(each for each in mappings(pid) if SHIM_FILE in each.path)


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessState:
    """What an attach and a detach must leave as it was.

    ``blocked``: the signal mask of each thread. ``foreign``: executable or shared memory but for the shim's
    file, by name: a region of the attach or shared memory of a session that stayed would show here.
    ``descriptors``: by number, what kind of file, and for a file with a name which one. ``signals`` leaves
    out the two that glibc keeps for itself: it sets their handlers when a process gets a second thread.
    """

    threads: frozenset[int]
    descriptors: dict[int, str]
    signals: dict[str, str]
    blocked: dict[int, str]
    foreign: frozenset[str]
    tracer: str


def process_state(pid: int) -> ProcessState:
    threads = frozenset(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    status = _status(Path(f"/proc/{pid}/status"))
    return ProcessState(
        threads,
        {int(path.name): _link(path) for path in Path(f"/proc/{pid}/fd").iterdir()},
        {name: f"{int(status[name], 16) & ~GLIBC_SIGNALS:016x}" for name in SIGNAL_FIELDS},
        {thread: _blocked(pid, thread) for thread in threads},
        frozenset(_foreign(mappings(pid))),
        status["TracerPid"],
    )


def difference(before: ProcessState, after: ProcessState) -> dict[str, tuple[object, object]]:
    """What differs, by field: (only before, only after)."""
    found: dict[str, tuple[object, object]] = {}
    for field in dataclasses.fields(ProcessState):
        old, new = (_rows(getattr(state, field.name)) for state in (before, after))
        if old != new:
            found[field.name] = (sorted(old - new), sorted(new - old))
    return found


def _rows(value: object) -> set[str]:
    if isinstance(value, dict):
        return {f"{key}: {content}" for key, content in value.items()}
    return {str(each) for each in value} if isinstance(value, frozenset) else {str(value)}


def _foreign(rows: tuple[Mapping, ...]) -> list[str]:
    found = []
    for each in rows:
        if SHIM_FILE in each.path:
            continue
        if each.is_executable or each.permissions[3] == "s":
            found.append(each.path or f"anonymous {each.permissions} {each.start:x}-{each.end:x}")
    return found


def _link(path: Path) -> str:
    try:
        return os.readlink(path).partition(":[")[0]  # noqa: PTH115 - "pipe:[123]" is no path
    except FileNotFoundError:
        return "closed meanwhile"


def _blocked(pid: int, thread: int) -> str:
    try:
        return _status(Path(f"/proc/{pid}/task/{thread}/status"))["SigBlk"]
    except (FileNotFoundError, ProcessLookupError):
        return "ended meanwhile"


def _status(path: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


@dataclasses.dataclass(frozen=True, slots=True)
class ImageWords:
    """The aligned words of the interpreter's writable segments, .bss with them: address and content."""

    addresses: npt.NDArray[np.uint64]
    contents: npt.NDArray[np.uint64]

    def pointing_into(self, rows: tuple[Mapping, ...]) -> dict[int, int]:
        """The words that point into any of these mappings: address to content."""
        hit = np.zeros(len(self.contents), dtype=bool)
        for each in rows:
            hit |= (self.contents >= each.start) & (self.contents < each.end)
        return dict(zip(self.addresses[hit].tolist(), self.contents[hit].tolist(), strict=True))

    def at(self, addresses: list[int]) -> dict[int, int]:
        """The content of these words."""
        where = np.searchsorted(self.addresses, np.asarray(addresses, dtype=np.uint64))
        return dict(zip(addresses, self.contents[where].tolist(), strict=True))


def image_words(pid: int) -> ImageWords:
    """Reads them while the process runs: each word is whole, the picture as a whole is not of one moment."""
    addresses, contents = [], []
    for each in writable_data(pid):
        if INTERPRETER_FILE.search(each.file):
            data = read_memory(pid, each.start, each.end - each.start)
            assert len(data) == each.end - each.start, each
            addresses.append(np.arange(each.start, each.end, 8, dtype=np.uint64))
            contents.append(np.frombuffer(data, dtype="<u8"))
    assert addresses, f"process {pid} has no interpreter in its maps"
    return ImageWords(np.concatenate(addresses), np.concatenate(contents))
