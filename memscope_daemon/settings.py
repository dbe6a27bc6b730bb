"""What was said about each setting, and where: the command line, ``MEMSCOPE_*`` in the environment, the file
``$XDG_CONFIG_HOME/memscope/config.toml``, else the default. What the texts mean stands in ``config``.

The file is read when a setting is asked for that nobody has named nearer by; it may be missing.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from memscope_daemon.errors import ConfigurationError

DEFAULT = "default"
PREFIX = "MEMSCOPE_"
#: In the environment, and no setting: for whoever looks for a fault in memscope itself.
OTHER_NAMES = frozenset({"MEMSCOPE_TRACER_DEBUG"})
FILE_BYTES_MAX = 1 << 20
NEAR_ENOUGH = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """``default`` as a text, "" = none. ``flags``: where the command line has it. ``example``: as it
    stands in the file."""

    name: str
    default: str
    flags: str
    help: str
    example: str

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


#: name, default, flags, help, example
_TABLE = (
    (
        "daemon",
        "",
        "--daemon, serve --address",
        "where the daemon listens; none: a socket of this user",
        '"unix:/run/memscope.sock"',
    ),
    (
        "state_dir",
        "",
        "",
        "folder of captures, logs and reports; none: $XDG_STATE_HOME/memscope",
        '"~/memscope"',
    ),
    (
        "keep",
        "10G",
        "serve --keep",
        "of captures of sessions that are over, so much is kept",
        '"2G"',
    ),
    (
        "history",
        "development",
        "attach --history, serve --history",
        "how many events are kept one by one: a preset, or COUNT,AGE,BYTES",
        '"50k,30m,256M"',
    ),
    (
        "max_overhead",
        "none",
        "attach --max-overhead",
        "percent of the target's processor time above which memscope steps back",
        '"2%"',
    ),
    (
        "preset",
        "production",
        "attach --preset, --rate, --bytes",
        "how targets are sampled",
        '"production"',
    ),
    (
        "auto_export",
        "",
        "attach --auto-export",
        "folder for reports that the daemon writes by itself; none: it writes none",
        '"/var/log/memscope"',
    ),
    (
        "every",
        "end",
        "attach --every",
        "between such reports: seconds, 5m, 1h; end: at the end only",
        '"5m"',
    ),
    (
        "export_format",
        "json",
        "attach --export-format",
        "formats of such reports",
        '["json", "collapsed"]',
    ),
    (
        "keep_exports",
        "10",
        "attach --keep-exports",
        "so many of the newest stay; 0: all",
        "24",
    ),
)
SETTINGS: dict[str, Setting] = {row[0]: Setting(*row) for row in _TABLE}


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What is said of a setting. ``origin``: the variable, ``file:line``, or :data:`DEFAULT`."""

    setting: Setting
    text: str
    origin: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Line:
    text: str
    number: int


def path() -> Path:
    """Where the file is looked for."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "memscope" / "config.toml"


def find(name: str) -> Found:
    """What is said of that setting, the command line aside.

    :raises ConfigurationError: the file makes no sense.
    """
    setting = SETTINGS[name]
    if text := os.environ.get(setting.variable):
        return Found(setting, text, setting.variable)
    file = path()
    line = _lines(file).get(name)
    if line is not None:
        return Found(setting, line.text, f"{file}:{line.number}")
    return Found(setting, setting.default, DEFAULT)


def strangers() -> tuple[tuple[str, str], ...]:
    """Names in the environment that look like settings and are none, each with the nearest that is ("": none
    is near)."""
    known = {one.variable for one in SETTINGS.values()}
    strange = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in known | OTHER_NAMES
    )
    return tuple((name, _nearest(name, known)) for name in strange)


def example() -> str:
    """A file in which everything is said, and nothing is in force."""
    lines = [
        "# Settings of memscope. The command line goes before MEMSCOPE_* in the environment, and that before",
        f"# this file: {path()}",
    ]
    for one in SETTINGS.values():
        others = ", ".join(filter(None, (one.flags, one.variable)))
        lines += ["", f"# {one.help}", f"# default: {one.default or 'none'}; also {others}"]
        lines.append(f"#{one.name} = {one.example}")
    return "\n".join(lines) + "\n"


def _lines(file: Path) -> Mapping[str, _Line]:
    try:
        seen = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(file, error) from error
    return _read(file, seen.st_mtime_ns, seen.st_size)


@functools.lru_cache(maxsize=4)
def _read(file: Path, _modified_ns: int, _size_bytes: int) -> Mapping[str, _Line]:
    """By name; read anew when the file is another."""
    import tomllib  # a command that has no such file shall not wait for it

    try:
        with file.open("rb") as stream:
            text = stream.read(FILE_BYTES_MAX).decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise _unreadable(file, error) from error
    except ValueError as error:  # not UTF-8, or no TOML; the latter says at which line
        raise ConfigurationError(
            "config.bad-file", f"{file}: {error}", "see: memscoped config --example"
        ) from error
    numbers = {name: _line_of(name, text) for name in found}
    for name in found.keys() - SETTINGS.keys():
        raise _unknown(f"{file}:{numbers[name]}", name)
    return {
        name: _Line(_text(value, f"{file}:{numbers[name]}", name), numbers[name])
        for name, value in found.items()
    }


def _line_of(name: str, text: str) -> int:
    """The first line that begins with the name, as a key or as a table's; tomllib does not tell."""
    begins = re.compile(rf"\s*\[*\s*[\"']?{re.escape(name)}[\"']?\s*[=.\]]")
    numbers = (number for number, line in enumerate(text.splitlines(), 1) if begins.match(line))
    return next(numbers, 1)


def _text(value: object, where: str, name: str) -> str:
    """As it would stand in the environment."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    raise ConfigurationError(
        "config.bad-value",
        f"{where}: {name} is neither a text nor a number",
        "see: memscoped config --example",
    )


def _unknown(where: str, name: str) -> ConfigurationError:
    near = _nearest(name, SETTINGS)
    next_step = f"did you mean {near}?" if near else f"there are: {', '.join(SETTINGS)}"
    return ConfigurationError("config.unknown-key", f"{where}: there is no setting {name!r}", next_step)


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), 1, NEAR_ENOUGH)), "")


def _unreadable(file: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        "config.file-unreadable",
        f"{file} cannot be read: {error.strerror or error}",
        "make it readable, or remove it",
    )
