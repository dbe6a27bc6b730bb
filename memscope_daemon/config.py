"""Where memscope keeps its sockets and its data, and which settings make sense.

What the user has said of each setting, and where, is told by ``settings``; what it means, here.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from memscope_daemon import settings
from memscope_daemon.errors import ConfigurationError
from memscope_daemon.model.auto_export import AutoExport
from memscope_daemon.model.history import HISTORIES, History
from memscope_daemon.model.sampling import (
    DEFAULT_PRESET,
    DEPTH_MAX,
    PRESETS,
    SamplingConfig,
    SamplingMode,
)

SOCKET_PATH_MAX_BYTES = 107  # sun_path of a Unix socket, its closing NUL not counted
SEED_MAX = 2**64 - 1
BYTES_MAX = 2.0**50
KEEP_BYTES = 10 << 30
OVERHEAD_MAX_PERCENT = 1000.0
SIZE_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
#: Between two times that reports are written by themselves; more often is what live figures are for.
EVERY_MIN_S, EVERY_MAX_S = 0.1, 1e7
FORMATS_MAX = 16
KEEP_EXPORTS_MAX = 1_000_000
NOTHING = frozenset({"", "none"})

Value = TypeVar("Value")


def runtime_dir() -> Path:
    """The folder of the sockets, made if missing: ours alone (0700), or a ConfigurationError."""
    if base := os.environ.get("XDG_RUNTIME_DIR"):
        return _private(Path(base) / "memscope")
    import tempfile  # takes long, for a command line that shall be there at once

    return _private(Path(tempfile.gettempdir()) / f"memscope-{os.getuid()}")


def state_dir() -> Path:
    """The folder of the captures and logs, made if missing (0700)."""
    return _private(state_path())


def state_path() -> Path:
    """That folder: as set, else ``$XDG_STATE_HOME/memscope``, else ``~/.local/state/memscope``."""
    if given := said("state_dir", parse_folder):
        return given
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "memscope"


def said(name: str, parse: Callable[[str], Value]) -> Value:
    """The value of a setting that the command line does not name.

    :raises ConfigurationError: it makes no sense; the message says where it stands.
    """
    return interpreted(settings.find(name), parse)


def interpreted(found: settings.Found, parse: Callable[[str], Value]) -> Value:
    """What a text means.

    :raises ConfigurationError: nothing; the message says where it stands.
    """
    try:
        return parse(found.text)
    except ConfigurationError as error:
        raise ConfigurationError(error.code, f"{found.origin}: {error.message}", error.next_step) from error


def keep_bytes() -> int:
    """How much of the captures of sessions that are over is kept."""
    return said("keep", parse_size)


def default_address() -> str:
    """Where ``serve`` listens and where clients look first."""
    return said("daemon", str) or socket_address(runtime_dir() / "daemon.sock")


def carried_address(pid: int) -> str:
    """The socket of a daemon that process ``pid`` carries for the length of its sessions."""
    return socket_address(runtime_dir() / f"attach-{pid}.sock")


def known_addresses() -> tuple[str, ...]:
    """Every address at which a daemon of this user may answer: the default one first, then the carried."""
    carried = sorted(runtime_dir().glob("attach-*.sock"))
    return (default_address(), *(socket_address(path) for path in carried))


def socket_address(path: Path) -> str:
    """``unix:<path>``; a path longer than the kernel takes is a ConfigurationError."""
    if len(os.fsencode(path)) > SOCKET_PATH_MAX_BYTES:
        raise ConfigurationError(
            "config.socket-path-too-long",
            f"the socket path {path} is longer than {SOCKET_PATH_MAX_BYTES} bytes",
            "set XDG_RUNTIME_DIR to a folder with a short path",
        )
    return f"unix:{path}"


def socket_path(address: str) -> Path | None:
    """The file behind a ``unix:`` address; None for any other kind of address."""
    return Path(address.removeprefix("unix:")) if address.startswith("unix:") else None


def default_preset() -> SamplingConfig:
    """The sampling where none is asked for."""
    return said("preset", preset)


def preset(name: str = DEFAULT_PRESET) -> SamplingConfig:
    """The sampling that a preset stands for."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ConfigurationError(
            "config.unknown-preset",
            f"there is no preset {name!r}",
            f"choose one of: {', '.join(sorted(PRESETS))}",
        ) from None


def parse_size(text: str) -> int:
    """Bytes from ``4096``, ``64K``, ``512KiB``, ``1.5M``: units are powers of 1024."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise ConfigurationError(
            "config.bad-size", f"{text!r} is not a size", "write bytes, or a number with K, M or G: 512K"
        )
    return int(float(match[1]) * SIZE_UNITS[match[2].upper()])


def check_sampling(config: SamplingConfig) -> SamplingConfig:
    """Hands ``config`` back if the sampler can follow it; else a ConfigurationError that says what can be."""
    _check_value(config)
    if not 0 <= config.depth <= DEPTH_MAX:
        raise ConfigurationError(
            "config.bad-depth", f"a depth of {config.depth} frames", f"choose a depth from 0 to {DEPTH_MAX}"
        )
    if config.seed is not None and not 0 <= config.seed <= SEED_MAX:
        raise ConfigurationError(
            "config.bad-seed", f"a seed of {config.seed}", "choose a seed from 0 to 2^64 - 1, or none"
        )
    return config


def parse_history(text: str) -> History:
    """Bounds of the events that are kept: the name of a preset, or ``COUNT,AGE,BYTES`` as in
    ``50k,30m,256M``; a part that is left empty is no bound."""
    name = text.strip()
    if name in HISTORIES:
        return HISTORIES[name]
    parts = [part.strip() for part in name.split(",")]
    try:
        count, age, size = parts
        found = History(
            int(_scaled(count, {"": 1, "k": 1_000, "m": 1_000_000})),
            _scaled(age, {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}),
            parse_size(size) if size else 0,
        )
    except ValueError:
        raise ConfigurationError(
            "config.bad-history",
            f"{text!r} is no bound of history",
            f"choose one of {', '.join(sorted(HISTORIES))}, or write COUNT,AGE,BYTES: 50k,30m,256M",
        ) from None
    return found


def default_history() -> History:
    """The bounds where none are asked for."""
    return said("history", parse_history)


def _scaled(text: str, units: dict[str, int]) -> float:
    """A number with a unit, 0 for none; a ValueError where it is neither."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]?)", text.lower())
    if text and (match is None or match[2] not in units):
        raise ValueError(text)
    return float(match[1]) * units[match[2]] if match else 0.0


def check_overhead(percent: float) -> float:
    """Hands a budget (percent of the target's processor time, 0 = none) back; else a ConfigurationError."""
    if not (math.isfinite(percent) and 0.0 <= percent <= OVERHEAD_MAX_PERCENT):
        raise ConfigurationError(
            "config.bad-overhead",
            f"a budget of {percent:g} percent",
            f"choose a percentage above 0 and up to {OVERHEAD_MAX_PERCENT:g}: 5 is five percent",
        )
    return percent


def parse_overhead(text: str) -> float:
    """A budget from ``5``, ``0.5`` or ``5%``; ``none`` is 0: no budget."""
    try:
        percent = 0.0 if text.strip().lower() == "none" else float(text.strip().removesuffix("%"))
    except ValueError:
        percent = math.nan
    return check_overhead(percent)


def default_overhead() -> float:
    """The budget where none is asked for, 0 = none."""
    return said("max_overhead", parse_overhead)


def parse_folder(text: str) -> Path | None:
    """A folder, made absolute; none for ``none`` and for nothing."""
    return None if text.strip().lower() in NOTHING else Path(text).expanduser().absolute()


def parse_every(text: str) -> float:
    """Seconds from ``300``, ``5m``, ``1h``; ``end`` is 0: at the end only."""
    word = text.strip().lower()
    if word in ("end", "0"):
        return 0.0
    try:
        every_s = _scaled(word, {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400})
    except ValueError:
        every_s = math.nan
    return _check_every(every_s)


def parse_formats(text: str) -> tuple[str, ...]:
    """Names of formats, as they were written: the daemon knows which there are."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    return _check_formats(names)


def parse_keep_exports(text: str) -> int:
    """How many sets stay; 0: all."""
    count = int(text) if re.fullmatch(r"\d{1,9}", text.strip()) else -1
    return _check_keep_exports(count)


def check_auto_export(order: AutoExport) -> AutoExport:
    """Hands an order back if it makes sense; else a ConfigurationError. Which formats there are, and whether
    the folder can be used, is not looked at."""
    if not Path(order.folder).is_absolute() or "\0" in order.folder:
        raise ConfigurationError(
            "config.auto-export-folder",
            f"{order.folder!r} is no absolute path",
            "name the folder from the root on: the daemon has a current folder of its own",
        )
    if order.every_s:
        _check_every(order.every_s)
    _check_formats(order.formats)
    _check_keep_exports(order.keep_count)
    return order


def _check_every(every_s: float) -> float:
    if not EVERY_MIN_S <= every_s <= EVERY_MAX_S:
        raise ConfigurationError(
            "config.bad-every",
            f"every {every_s:g} seconds",
            f"choose seconds from {EVERY_MIN_S:g} on, as in 300, 5m or 1h, or end: at the end only",
        )
    return every_s


def _check_formats(names: tuple[str, ...]) -> tuple[str, ...]:
    if not 0 < len(names) <= FORMATS_MAX:
        raise ConfigurationError(
            "config.bad-formats", f"{len(names)} formats", f"name 1 to {FORMATS_MAX}: json,collapsed"
        )
    return names


def _check_keep_exports(count: int) -> int:
    if not 0 <= count <= KEEP_EXPORTS_MAX:
        raise ConfigurationError(
            "config.bad-keep-exports",
            "that is no number of exports to keep",
            f"choose a number up to {KEEP_EXPORTS_MAX}, or 0: all stay",
        )
    return count


#: What the text of each setting means.
PARSERS: Mapping[str, Callable[[str], object]] = {
    "daemon": str,
    "state_dir": parse_folder,
    "keep": parse_size,
    "history": parse_history,
    "max_overhead": parse_overhead,
    "preset": preset,
    "auto_export": parse_folder,
    "every": parse_every,
    "export_format": parse_formats,
    "keep_exports": parse_keep_exports,
}


def _check_value(config: SamplingConfig) -> None:
    value = config.value
    if config.mode is SamplingMode.RATE and not (math.isfinite(value) and 0.0 < value <= 1.0):
        raise ConfigurationError(
            "config.bad-rate",
            f"a rate of {value:g} is not a probability",
            "choose a rate above 0 and not above 1; 1 records every allocation",
        )
    if config.mode is SamplingMode.BYTES and not (math.isfinite(value) and 1.0 <= value <= BYTES_MAX):
        raise ConfigurationError(
            "config.bad-bytes",
            f"{value:g} bytes between samples",
            "choose at least 1 byte; 512K is the default, 64K sees smaller sites",
        )


def _private(folder: Path) -> Path:
    """Makes ``folder`` ours alone; one that belongs to somebody else, or is a link, is refused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigurationError(
            "config.folder-unusable",
            f"the folder {folder} cannot be used: {error.strerror or error}",
            "set XDG_RUNTIME_DIR or MEMSCOPE_STATE_DIR to a folder of yours",
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigurationError(
            "config.folder-not-ours",
            f"{folder} is not a folder of yours",
            "remove it, or set XDG_RUNTIME_DIR or MEMSCOPE_STATE_DIR to a folder of yours",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder
