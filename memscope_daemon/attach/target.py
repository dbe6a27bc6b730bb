"""Facts about a process, collected without stopping it or writing to it.

A :class:`Facts` is a plain value: tests make them by hand, and ``plan`` decides from nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import re
import time
from pathlib import Path

from memscope_daemon.attach import debug_offsets, handover, mapped_file, procfs, x86_64
from memscope_daemon.attach.elf import Elf, ElfKind, NotElf, read_kind
from memscope_daemon.attach.handover import MappedShim, Reader
from memscope_daemon.attach.headroom import headroom_bytes
from memscope_daemon.attach.procfs import Mapping, Task
from memscope_daemon.shim import layout

CAP_SYS_PTRACE = 19
_SYS_KCMP, _KCMP_VM = 312, 1
_SETTLE_TRIES, _SETTLE_S = 25, 0.02
_VERSION_IN_NAME = re.compile(r"python(\d)\.(\d+)([a-z]*)")
_INTERPRETERS = (
    ("PyInterpreterState_Get", "interpreter_current"),
    ("PyInterpreterState_Main", "interpreter_main"),
)
_LIBPYTHON = re.compile(r"libpython\d\.\d+[a-z]*\.so")
_LIBC = re.compile(r"lib(c|pthread|dl)(\.so|-2)")
_LEVELS = {0xA: "a", 0xB: "b", 0xC: "rc"}
_MARKS = {"_Py_DecRefShared": "free-threaded", "_Py_NegativeRefcount": "debug"}


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """``hexversion`` 0: not known. ``symbols``: addresses in the target, by the names of the attach page.
    ``missing``: names of the attach page that were not found. ``embedded``: a program that is not python
    itself carries the interpreter. ``subinterpreter_module``: its module for making more is loaded.
    ``strangeness``: how its layout differs from that of its version as released, "" = not at all."""

    kind: str = "cpython"  # or "pypy"
    hexversion: int = 0
    path: str = ""
    free_threaded: bool = False
    debug: bool = False
    embedded: bool = False
    subinterpreter_module: bool = False
    strangeness: str = ""
    symbols: dict[str, int] = dataclasses.field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def version(self) -> tuple[int, int]:
        return self.hexversion >> 24, self.hexversion >> 16 & 0xFF

    @property
    def version_text(self) -> str:
        """As "3.11.7" or "3.15.0b2", or "3.9" where only that much is known."""
        major, minor = self.version
        micro, level, serial = self.hexversion >> 8 & 0xFF, self.hexversion >> 4 & 0xF, self.hexversion & 0xF
        if not level:
            return f"{major}.{minor}"
        return f"{major}.{minor}.{micro}" + (f"{_LEVELS[level]}{serial}" if level in _LEVELS else "")


@dataclasses.dataclass(frozen=True, slots=True)
class LibC:
    """``kind`` "glibc", "musl" or "". Addresses in the target; 0 = not found."""

    kind: str = ""
    paths: frozenset[str] = frozenset()
    symbols: dict[str, int] = dataclasses.field(default_factory=dict)
    missing: tuple[str, ...] = ()
    gadget: int = 0
    restore_rt: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Rights:
    """What we may do. ``yama_scope`` None: no such module in this kernel."""

    our_euid: int = 0
    may_ptrace_anyone: bool = True
    yama_scope: int | None = None
    is_our_descendant: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Everything ``plan`` wants to know of a process, as of one moment. None = could not be found out.

    ``numbers``: its pid in each PID namespace it is in, ours first.
    """

    pid: int
    exists: bool = True
    exited_meanwhile: bool = False
    thread_group: int = 0
    start_time_ticks: int = 0
    numbers: tuple[int, ...] = ()
    state: str = "S"
    tracer_pid: int = 0
    seccomp_mode: int = 0
    uids: tuple[int, ...] = (0, 0, 0, 0)
    gid: int = 0
    groups: tuple[int, ...] = ()
    shadow_stack: bool = False
    readable: bool = True
    executable: str = ""
    elf: ElfKind | None = None
    static: bool = False
    changed_program: bool = False
    replaced_file: str = ""
    shares_memory_with_parent: bool | None = False
    is_self: bool = False
    program: str = ""
    interpreter: Interpreter | None = None
    libc: LibC = LibC()
    rights: Rights = Rights()
    mappings: tuple[Mapping, ...] = ()
    tasks: tuple[Task, ...] = ()
    shim_path: str = ""
    shim_readable: bool | None = True
    mapped_shims: tuple[MappedShim, ...] = ()
    sees_itself: bool = True
    clock_is_shifted: bool = False
    memory_headroom_bytes: int | None = None


def collect(pid: int, shim: Path) -> Facts:
    """Looks at ``pid``; never raises for what a process may be like, a vanished one included."""
    if pid <= 0 or not Path(f"/proc/{pid}").exists():
        return Facts(pid, exists=False)
    try:
        return _collect(pid, shim)
    except (ProcessLookupError, FileNotFoundError):
        return Facts(pid, exited_meanwhile=True)


def _collect(pid: int, shim: Path) -> Facts:
    fields = _settled_status(pid)
    facts = Facts(
        pid,
        thread_group=int(fields["Tgid"]),
        start_time_ticks=procfs.start_time_ticks(pid),
        state=fields["State"][:1],
        tracer_pid=int(fields.get("TracerPid", "0")),
        seccomp_mode=int(fields.get("Seccomp", "0")),
        uids=tuple(int(word) for word in fields["Uid"].split()),
        gid=int(fields["Gid"].split()[1]),
        groups=tuple(int(word) for word in fields.get("Groups", "").split()),
        numbers=tuple(int(word) for word in fields.get("NSpid", str(pid)).split()),
        shadow_stack="shstk" in fields.get("x86_Thread_features", ""),
        rights=_rights(pid),
        is_self=pid == os.getpid(),
        shim_path=str(shim),
    )
    if facts.state in "ZX" or facts.thread_group != pid:
        return facts
    try:
        return _with_memory(facts, shim)
    except PermissionError:
        return dataclasses.replace(facts, readable=False)


def _settled_status(pid: int) -> dict[str, str]:
    """D is passed through by every program now and then, and a tracer of our own may be about to leave:
    only what stays so counts."""
    for _ in range(_SETTLE_TRIES):
        fields = procfs.status(pid)
        if fields["State"][:1] != "D" and fields.get("TracerPid", "0") == "0":
            break
        time.sleep(_SETTLE_S)
    return fields


def _with_memory(facts: Facts, shim: Path) -> Facts:
    pid = facts.pid
    executable = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
    kind = _kind(f"/proc/{pid}/exe")
    facts = dataclasses.replace(facts, executable=executable, elf=kind, program=program_of(pid))
    facts = dataclasses.replace(facts, shares_memory_with_parent=_shares_memory(pid))
    if kind is None or kind.bits != 64 or kind.machine != x86_64.ELF_MACHINE:
        return facts
    maps = procfs.mappings(pid)
    facts = dataclasses.replace(
        facts,
        mappings=maps,
        static=_is_static(f"/proc/{pid}/exe"),
        replaced_file=_replaced(pid, maps, executable),
        interpreter=_interpreter(pid, maps, executable),
        libc=_libc(pid, maps),
        tasks=procfs.tasks(pid),
        shim_readable=handover.shim_readable(_reader(facts), shim),
        mapped_shims=handover.mapped_shims(pid, maps, shim),
        sees_itself=handover.sees_itself(pid, facts.numbers),
        clock_is_shifted=handover.clock_is_shifted(pid),
        memory_headroom_bytes=headroom_bytes(pid),
    )
    changed = os.readlink(f"/proc/{pid}/exe") != executable  # noqa: PTH115
    return dataclasses.replace(facts, changed_program=changed)


def _reader(facts: Facts) -> Reader:
    """By the ids that the kernel asks for when a file is opened."""
    uid = facts.uids[3] if len(facts.uids) > 3 else facts.uids[0]
    return Reader(facts.pid, uid, frozenset({facts.gid, *facts.groups}))


def _kind(path: str) -> ElfKind | None:
    with contextlib.suppress(NotElf):
        return read_kind(path)
    return None


def _is_static(path: str) -> bool:
    try:
        with Elf(path) as elf:
            return elf.is_static
    except NotElf:
        return False


def program_of(pid: int) -> str:
    """Program and script, nothing else of the command line: "python3 server.py"."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    names = [word.decode(errors="replace") for word in words if word]
    if not names:
        return ""
    script = _script(names[1:])
    return f"{Path(names[0]).name} {script}" if script else Path(names[0]).name


def _script(words: list[str]) -> str:
    skip = False
    for position, word in enumerate(words):
        if skip:
            skip = False
        elif word == "-m" and position + 1 < len(words):
            return f"-m {words[position + 1]}"
        elif word == "-c" or word == "-":
            return word
        elif word in ("-W", "-X"):
            skip = True
        elif not word.startswith("-"):
            return Path(word).name
    return ""


# --- the interpreter and the C library ---------------------------------------------------------------


def _first_mappings(maps: tuple[Mapping, ...]) -> dict[str, Mapping]:
    """Of each file, the mapping of its beginning."""
    first: dict[str, Mapping] = {}
    for mapping in maps:
        if mapping.path.startswith("/") and mapping.offset == 0:
            first.setdefault(mapping.path, mapping)
    return first


def _replaced(pid: int, maps: tuple[Mapping, ...], executable: str) -> str:
    """The first file we must read that is another one now, and may not be opened as the mapped one."""
    for path, mapping in _first_mappings(maps).items():
        name = Path(path).name
        if path == executable.removesuffix(" (deleted)") or _LIBPYTHON.match(name) or _LIBC.match(name):
            try:
                mapped_file.path_of(pid, mapping)
            except mapped_file.FileReplaced:
                return path
            except OSError:
                continue  # whoever needs it will say so
    return ""


def _interpreter(pid: int, maps: tuple[Mapping, ...], executable: str) -> Interpreter | None:
    first = _first_mappings(maps)
    names = {path: Path(path).name for path in first}
    pypy = next((path for path, name in names.items() if name.startswith(("libpypy", "pypy"))), "")
    if pypy:
        return Interpreter("pypy", path=pypy)
    libraries = [path for path, name in names.items() if _LIBPYTHON.match(name)]
    candidates = [*libraries, *(path for path in first if path == executable.removesuffix(" (deleted)"))]
    for path in candidates:
        with contextlib.suppress(NotElf, OSError):
            found = _read_interpreter(pid, first[path], path)
            if found is not None:
                embedded = not re.match(r"(python|pypy)", Path(executable).name, re.IGNORECASE)
                module = any(
                    "_xxsubinterpreters" in name or "_interpreters." in name for name in names.values()
                )
                return dataclasses.replace(found, embedded=embedded, subinterpreter_module=module)
    return None


def _read_interpreter(pid: int, mapping: Mapping, path: str) -> Interpreter | None:
    alternatives = {name for names in layout.PYTHON_API.values() for name in names}
    wanted = {*alternatives, *(name for name, _ in _INTERPRETERS), *_MARKS, "Py_Version", "_PyRuntime"}
    with Elf(mapped_file.path_of(pid, mapping)) as elf:
        base = elf.load_base(mapping.start)
        found = elf.symbols(wanted)
        if "Py_IsInitialized" not in found:
            return None
        version = elf.bytes_at(found["Py_Version"], 4) if "Py_Version" in found else b""
        table = elf.bytes_at(found.get("_PyRuntime", 0), debug_offsets.TABLE_BYTES)
    symbols = _named(layout.PYTHON_API, found, base)
    symbols |= {ours: found[theirs] + base for theirs, ours in _INTERPRETERS if theirs in found}
    if "_PyRuntime" in found:
        symbols["_PyRuntime"] = found["_PyRuntime"] + base
    named = _VERSION_IN_NAME.search(Path(path).name)
    flags = named.group(3) if named else ""
    hexversion = int.from_bytes(version, "little") or _hexversion(named)
    return Interpreter(
        hexversion=hexversion,
        path=path,
        free_threaded="t" in flags or "_Py_DecRefShared" in found,
        debug="d" in flags or "_Py_NegativeRefcount" in found,
        strangeness=debug_offsets.strangeness(table, hexversion),
        symbols=symbols,
        missing=tuple(name for name in layout.PYTHON_API if name not in symbols),
    )


def _hexversion(named: re.Match[str] | None) -> int:
    return int(named.group(1)) << 24 | int(named.group(2)) << 16 if named else 0


def _named(api: dict[str, tuple[str, ...]], found: dict[str, int], base: int) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for ours, theirs in api.items():
        for name in theirs:
            if name in found:
                chosen.setdefault(ours, found[name] + base)
    return chosen


def _libc(pid: int, maps: tuple[Mapping, ...]) -> LibC:
    symbols: dict[str, int] = {}
    paths: set[str] = set()
    kind, gadget, restore = "", 0, 0
    for path, mapping in _first_mappings(maps).items():
        name = Path(path).name
        if name.startswith(("ld-musl", "libc.musl")):
            kind = "musl"
        if _LIBC.match(name):
            with contextlib.suppress(NotElf, OSError), Elf(mapped_file.path_of(pid, mapping)) as elf:
                base = elf.load_base(mapping.start)
                symbols = _named(layout.LIBC_API, elf.symbols(layout.LIBC_API), base) | symbols
                if name.startswith("libc") and not kind:
                    kind = "glibc"
                    gadget = _at(elf.find_code(x86_64.SYSCALL_RET), base)
                    restore = _at(elf.find_code(x86_64.RESTORE_RT), base)
            if not name.startswith("libdl"):
                paths.add(path)
    missing = tuple(name for name in layout.LIBC_API if name not in symbols)
    return LibC(kind, frozenset(paths), symbols, missing, gadget, restore)


def _at(address: int, base: int) -> int:
    return address + base if address else 0


# --- rights and surroundings -------------------------------------------------------------------------


def _rights(pid: int) -> Rights:
    ours = procfs.status(os.getpid())
    return Rights(
        our_euid=os.geteuid(),
        may_ptrace_anyone=bool(int(ours["CapEff"], 16) >> CAP_SYS_PTRACE & 1),
        yama_scope=_yama_scope(),
        is_our_descendant=_descends_from(pid, os.getpid()),
    )


def _yama_scope() -> int | None:
    try:
        return int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return None


def _descends_from(pid: int, ancestor: int) -> bool:
    for _ in range(64):
        if pid == ancestor:
            return True
        if pid <= 1:
            return False
        try:
            pid = int(procfs.status(pid)["PPid"])
        except (ProcessLookupError, KeyError):
            return False
    return False


def _shares_memory(pid: int) -> bool | None:
    """With its parent: then it is a vfork child, and what is done to it is done to the parent."""
    parent = int(procfs.status(pid)["PPid"])
    if parent <= 0:
        return None
    result = ctypes.CDLL(None).syscall(_SYS_KCMP, pid, parent, _KCMP_VM, 0, 0)
    return None if result < 0 else result == 0
