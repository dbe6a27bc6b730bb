"""The session's shared memory: made ready once, then control words out, status and losses in.

Ownership: the shipper writes the header (before the shim is entered), the control words and the ring
tails; everything else is the target's. What is read is copied and bounded before it is used.

Aligned 8-byte and 4-byte accesses through numpy are single loads and stores, and x86-64 keeps stores in
their order and loads in theirs, so that "values first, then the generation" needs no further fence.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import math
import mmap
import os
import secrets

import numpy as np
import numpy.typing as npt

from memscope_daemon import clock
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import Geometry

_SESSION = layout.Session
_HEADER_BYTES = ctypes.sizeof(_SESSION)
_U64_MAX = (1 << 64) - 1
_MADV_POPULATE_READ = 22
BYTES_MAX = 2.0**50  # as ms_setting_valid has it: the shim would pass over more without a word

Words = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """The shim's answers at one moment."""

    state: int
    left_in_chain: int
    python_hexversion: int
    live_block_count: int


@dataclasses.dataclass(frozen=True, slots=True)
class LossFigures:
    """What one loss counter said at one moment."""

    cause: str  # lower case
    record_count: int
    weighted_count: float
    weighted_bytes: float


@dataclasses.dataclass(frozen=True, slots=True)
class PassFigures:
    """Passes through the slow paths that were timed so far, and what they took."""

    gil_timed_count: int
    gil_timed_ns: int
    raw_timed_count: int
    raw_timed_ns: int


class SharedMemory:
    """A mapping of the session's memory. :meth:`create` sizes and fills it in."""

    def __init__(self, descriptor: int, geometry: Geometry) -> None:
        self.geometry = geometry
        self.map = mmap.mmap(descriptor, geometry.total_bytes)
        self._half_words = np.frombuffer(self.map, np.uint32, count=_HEADER_BYTES // 4)
        self._words: Words = np.frombuffer(self.map, np.uint64, count=_HEADER_BYTES // 8)
        self._doubles = np.frombuffer(self.map, np.float64, count=_HEADER_BYTES // 8)

    @classmethod
    def create(cls, descriptor: int, geometry: Geometry, session_id: int, sampling: Sampling) -> SharedMemory:
        """Sizes the (empty) file, takes every page of it, writes header and control words, the magic last.

        The pages are taken here so that neither the target's limits nor its memory group pay for them,
        and so that a lack of memory is an error here and not a SIGBUS there.

        :raises OSError: no memory, or the file is not what it should be.
        """
        if os.fstat(descriptor).st_size:
            raise OSError("the shared memory is already in use")
        os.ftruncate(descriptor, geometry.total_bytes)
        os.posix_fallocate(descriptor, 0, geometry.total_bytes)
        _seal(descriptor)
        shared = cls(descriptor, geometry)
        shared._write_header(session_id)
        shared.write_sampling(sampling)
        shared.beat(clock.monotonic_ns())  # the shim may be entered at once and must not find nobody reading
        shared._write_word("magic", layout.SESSION_MAGIC)
        return shared

    @classmethod
    def adopt(cls, descriptor: int, geometry: Geometry, session_id: int) -> SharedMemory:
        """Maps what another shipper made ready, as it stands.

        :raises OSError: it is not that session's memory.
        """
        if os.fstat(descriptor).st_size != geometry.total_bytes:
            raise OSError("the shared memory is of another size")
        shared = cls(descriptor, geometry)
        header = _SESSION.from_buffer_copy(shared.map)
        found = (header.magic, header.abi_version, header.total_bytes, header.session_id)
        if found != (layout.SESSION_MAGIC, layout.ABI_VERSION, geometry.total_bytes, session_id):
            raise OSError("the shared memory is that of another session")
        shared.beat(clock.monotonic_ns())
        return shared

    def touch(self) -> None:
        """Has the kernel clear the pages now, so that the target need not wait for it at first touch.

        By reading: the target may be writing already.
        """
        with contextlib.suppress(OSError):  # before Linux 5.14: cleared when first touched, then
            self.map.madvise(_MADV_POPULATE_READ)

    def _write_header(self, session_id: int) -> None:
        header = _SESSION.from_buffer(self.map)
        header.abi_version = layout.ABI_VERSION
        header.header_bytes = _HEADER_BYTES
        header.total_bytes = self.geometry.total_bytes
        header.session_id = session_id
        for name in ("events", "raw", "meta", "live", "raw_live", "stacks", "codes"):
            setattr(header, f"{name}_offset", getattr(self.geometry, f"{name}_offset"))
        for name in ("event", "raw", "meta", "live", "raw_live", "stack", "code"):
            setattr(header, f"{name}_capacity", getattr(self.geometry.capacities, name))

    # --- control words ---------------------------------------------------------------------------

    def write_sampling(self, sampling: Sampling) -> None:
        """Puts a setting into force. The generation says that the values are being written, then that they
        are."""
        self._mark_writing()
        self._doubles[_offset("control", "value") // 8] = sampling.value
        self._write_word("control", sampling.seed, "seed")
        self._write_half("control", sampling.mode, "mode")
        self._write_half("control", sampling.depth, "depth")
        self._write_half("control", int(sampling.stacks), "stacks")
        self._raise_generation()

    def holds(self, sampling: Sampling) -> bool:
        """Whether the control words are this setting, and whole: who wrote them may have died meanwhile."""
        control = _SESSION.from_buffer_copy(self.map).control
        found = (control.mode, control.value, bool(control.stacks), control.depth, control.seed)
        wanted = (sampling.mode, sampling.value, sampling.stacks, sampling.depth, sampling.seed)
        return found == wanted and not control.generation & layout.GENERATION_WRITING

    def write_paused(self, paused: bool) -> None:
        """The shim looks at this at each sample; no generation tells of it, so no setting begins anew."""
        self._write_half("control", int(paused), "paused")

    def write_detach(self) -> None:
        """Asks the shim to take its hooks out at its next slow path under the GIL."""
        self._write_half("control", 1, "detach")

    def beat(self, monotonic_ns: int) -> None:
        """Tells the shim that somebody reads."""
        self._write_word("control", monotonic_ns, "heartbeat_ns")

    def _mark_writing(self) -> None:
        self._words[_offset("control", "generation") // 8] |= np.uint64(layout.GENERATION_WRITING)

    def _raise_generation(self) -> None:
        at = _offset("control", "generation") // 8
        self._words[at] = (int(self._words[at]) + 1) & (layout.GENERATION_WRITING - 1)

    def _write_word(self, name: str, value: int, part: str = "") -> None:
        self._words[_offset(name, part) // 8] = value

    def _write_half(self, name: str, value: int, part: str) -> None:
        self._half_words[_offset(name, part) // 4] = value

    @property
    def detaching(self) -> bool:
        """Whether the shim was asked to take its hooks out, or has."""
        asked = int(self._half_words[_offset("control", "detach") // 4])
        return bool(asked) or self.state == layout.State.DETACHED

    @property
    def seed(self) -> int:
        """As it stands in the control words."""
        return int(self._words[_offset("control", "seed") // 8])

    # --- answers ---------------------------------------------------------------------------------

    @property
    def state(self) -> int:
        return int(self._half_words[_offset("status", "state") // 4])

    def status(self) -> Status:
        return Status(
            self.state,
            int(self._half_words[_offset("status", "left_in_chain") // 4]),
            int(self._half_words[_offset("status", "python_hexversion") // 4]),
            int(self._words[_offset("status", "live_blocks") // 8]),
        )

    def losses(self) -> list[LossFigures]:
        """Every cause whose counter is not zero."""
        at = _offset("losses") // 8
        found = []
        for index, cause in enumerate(layout.LOSSES):
            base = at + 3 * index
            records = int(self._words[base])
            if records:
                count, size = float(self._doubles[base + 1]), float(self._doubles[base + 2])
                found.append(LossFigures(cause.lower(), records, _sane(count), _sane(size)))
        return found

    def passes(self) -> PassFigures:
        at = _offset("cost") // 8
        return PassFigures(*(int(word) for word in self._words[at : at + 4]))

    def hooks(self) -> tuple[int, tuple[int, ...]]:
        """An address in the interpreter's data, and our malloc of each domain; 0 where nobody has said."""
        header = _SESSION.from_buffer_copy(self.map)
        return int(header.image), tuple(int(each) for each in header.hooks)

    # --- rings -----------------------------------------------------------------------------------

    def heads(self) -> tuple[int, int, int]:
        """Heads of events, raw, metadata. Events first: what they refer to is then in the metadata."""
        events = int(self._words[_offset("events", "head") // 8])
        raw = int(self._words[_offset("raw", "head") // 8])
        return events, raw, int(self._words[_offset("meta", "head") // 8])

    def tails(self) -> tuple[int, int, int]:
        """Tails of events, raw, metadata, as written last, by whomever."""
        events, raw, meta = (self._words[_offset(ring, "tail") // 8] for ring in ("events", "raw", "meta"))
        return int(events), int(raw), int(meta)

    def write_tail(self, ring: str, tail: int) -> None:
        self._write_word(ring, tail, "tail")


@dataclasses.dataclass(frozen=True, slots=True)
class Sampling:
    """A setting as the control words hold it; the seed is always known here."""

    mode: int
    value: float
    stacks: bool
    depth: int
    seed: int
    seed_given: bool = False
    preset: str = ""

    @staticmethod
    def of(config: SamplingConfig) -> Sampling:
        """``config`` with a random seed where it has none."""
        seed = secrets.randbits(63) if config.seed is None else config.seed & _U64_MAX
        return Sampling(
            int(config.mode),
            config.value,
            config.stacks,
            config.depth,
            seed,
            config.seed is not None,
            config.preset,
        )

    @property
    def valid(self) -> bool:
        """Whether the shim may be given this."""
        if not 0 <= self.depth <= layout.DEPTH_MAX or not 0 <= self.seed <= _U64_MAX:
            return False
        if self.mode == SamplingMode.BYTES:
            return math.isfinite(self.value) and 1.0 <= self.value <= BYTES_MAX
        if self.mode == SamplingMode.RATE:
            return 0.0 < self.value <= 1.0
        return self.mode == layout.Mode.OFF


def _offset(name: str, part: str = "") -> int:
    field = getattr(_SESSION, name)
    if not part:
        return int(field.offset)
    inner = dict(_SESSION._fields_)[name]
    return int(field.offset + getattr(inner, part).offset)


def _seal(descriptor: int) -> None:
    """Nobody may shrink the file under the target's feet. A memfd without leave to seal goes without."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)


def _sane(value: float) -> float:
    return value if math.isfinite(value) and value >= 0.0 else 0.0
