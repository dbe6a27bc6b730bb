"""Where memscope keeps its sockets and its data, and which settings make sense.

Order of settings: command line, then ``MEMSCOPE_*`` in the environment, then the defaults here.
"""

from __future__ import annotations

import math
import os
import re
import stat
from pathlib import Path

from memscope_daemon.errors import ConfigurationError
from memscope_daemon.model.history import DEFAULT_HISTORY, HISTORIES, History
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


def runtime_dir() -> Path:
    """The folder of the sockets, made if missing: ours alone (0700), or a ConfigurationError."""
    if base := os.environ.get("XDG_RUNTIME_DIR"):
        return _private(Path(base) / "memscope")
    import tempfile  # takes long, for a command line that shall be there at once

    return _private(Path(tempfile.gettempdir()) / f"memscope-{os.getuid()}")


def state_dir() -> Path:
    """The folder of the captures and logs, made if missing (0700).

    ``MEMSCOPE_STATE_DIR``, else ``$XDG_STATE_HOME/memscope``, else ``~/.local/state/memscope``.
    """
    given = os.environ.get("MEMSCOPE_STATE_DIR")
    if given:
        return _private(Path(given).absolute())
    base = os.environ.get("XDG_STATE_HOME")
    return _private((Path(base) if base else Path.home() / ".local" / "state") / "memscope")


def keep_bytes() -> int:
    """How much of the captures of sessions that are over is kept: ``MEMSCOPE_KEEP``, else 10 GiB."""
    given = os.environ.get("MEMSCOPE_KEEP")
    return parse_size(given) if given else KEEP_BYTES


def default_address() -> str:
    """Where ``serve`` listens and where clients look first: ``MEMSCOPE_DAEMON``, else daemon.sock."""
    return os.environ.get("MEMSCOPE_DAEMON") or socket_address(runtime_dir() / "daemon.sock")


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
    """The bounds where none are asked for: ``MEMSCOPE_HISTORY``, else those of ``development``."""
    return parse_history(os.environ.get("MEMSCOPE_HISTORY") or DEFAULT_HISTORY)


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
    """The budget where none is asked for: ``MEMSCOPE_MAX_OVERHEAD``, else none (0)."""
    return parse_overhead(os.environ.get("MEMSCOPE_MAX_OVERHEAD") or "none")


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
