"""Arguments that several commands share, and their types."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from memscope_daemon import config
from memscope_daemon.errors import ConfigurationError
from memscope_daemon.model.sampling import DEFAULT_PRESET, PRESETS, SamplingConfig, SamplingMode
from memscope_daemon.render.formats import DEFAULT_FORMATS, FORMATS

if TYPE_CHECKING:
    from memscope_client import AutoExport

Value = TypeVar("Value")

REFRESH_S, REFRESH_MAX_S = 1.0, 3600.0


def checked(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """An argparse type that shows a ConfigurationError as argparse shows its own."""

    def convert(text: str) -> Value:
        try:
            return parse(text)
        except ConfigurationError as error:
            raise argparse.ArgumentTypeError(f"{error.message}; {error.next_step}") from error

    convert.__name__ = parse.__name__.removeprefix("parse_")
    return convert


def positive_pid(text: str) -> int:
    pid = int(text)
    if pid <= 0:
        raise argparse.ArgumentTypeError(f"{pid} is not the id of a process")
    return pid


def seconds(text: str) -> float:
    value = float(text.removesuffix("s"))
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a duration is a number of seconds above 0")
    return value


def add_pid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=positive_pid, help="the process, as this host numbers it")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the JSON report alone on standard output")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder for the files (default: memscope-<program>-<pid>-<time>)",
    )
    add_formats(parser, DEFAULT_FORMATS)


def add_formats(parser: argparse.ArgumentParser, default: tuple[str, ...]) -> None:
    parser.add_argument(
        "--format",
        metavar="FORMATS",
        type=format_names,
        default=default,
        help=f"files to write, of {', '.join(FORMATS)} (default: {','.join(default)})",
    )


def format_names(text: str) -> tuple[str, ...]:
    """Names of formats, with commas between them; each once."""
    names = tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        what = f"there is no format {unknown[0]!r}" if unknown else "no format"
        raise argparse.ArgumentTypeError(
            f"{what}; choose from {', '.join(FORMATS)}, with commas between them"
        )
    return names


def add_session(parser: argparse.ArgumentParser) -> None:
    """A session, and the daemon that has it."""
    parser.add_argument(
        "session", metavar="PID|SESSION_ID", type=pid_or_session, help="the process, or one session of it"
    )
    parser.add_argument("--daemon", metavar="ADDR", help="the daemon that has the session")


def pid_or_session(text: str) -> str:
    """What :func:`find.find_session` takes."""
    if re.fullmatch(r"[0-9a-f]{16}", text) or (text.isascii() and text.isdigit() and int(text) > 0):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is neither the id of a process nor of a session (16 hex digits)"
    )


def add_sampling(
    parser: argparse.ArgumentParser, default: str = f"as set, else {DEFAULT_PRESET}, 512 KiB"
) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--preset", choices=sorted(PRESETS), help=f"a known setting (default: {default})")
    how.add_argument("--rate", metavar="P", type=float, help="probability of each allocation, above 0 to 1")
    how.add_argument(
        "--bytes", metavar="N", type=checked(config.parse_size), help="mean bytes between samples, e.g. 64K"
    )
    parser.add_argument("--depth", metavar="N", type=int, help="frames per stack; 0: the innermost only")
    parser.add_argument("--seed", metavar="N", type=int, help="make the sampler's decisions reproducible")


def add_overhead(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-overhead",
        metavar="PERCENT",
        type=checked(config.parse_overhead),
        help="of the target's processor time: above it memscope takes shallower stacks, then fewer samples,"
        " then none, then leaves (default: as set, else none: the sampling stays as asked)",
    )


def add_history(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--history",
        metavar="PRESET|COUNT,AGE,BYTES",
        help="how many events are kept one by one, e.g. production or 50k,30m,256M; older ones are forgotten,"
        f" their sums stay in every figure (default: {default})",
    )


def add_refresh(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--refresh", metavar="S", type=interval, default=REFRESH_S, help="new figures each S seconds (1)"
    )


def interval(text: str) -> float:
    """Seconds between two looks at figures: there are new ones each second."""
    value = seconds(text)
    if not REFRESH_S <= value <= REFRESH_MAX_S:
        raise argparse.ArgumentTypeError(f"choose an interval of {REFRESH_S:g} to {REFRESH_MAX_S:g} seconds")
    return value


def add_auto_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--auto-export",
        metavar="DIR",
        help="the daemon writes reports below DIR by itself, at the end whatever it is; none: it writes none",
    )
    parser.add_argument(
        "--every",
        metavar="S",
        type=checked(config.parse_every),
        help="and each S seconds (also 5m, 1h; default: at the end only)",
    )
    parser.add_argument(
        "--export-format",
        metavar="LIST",
        type=checked(config.parse_formats),
        help="their formats, e.g. json,collapsed (default: json)",
    )
    parser.add_argument(
        "--keep-exports",
        metavar="N",
        type=checked(config.parse_keep_exports),
        help="so many of the newest stay (default: 10; 0: all)",
    )


def auto_export_of(args: argparse.Namespace) -> AutoExport | None:
    """What the daemon is to write by itself, by the command line and the settings; None: nothing."""
    given = args.auto_export
    folder = config.said("auto_export", config.parse_folder) if given is None else config.parse_folder(given)
    if folder is None:
        if not (args.every is None and args.export_format is None and args.keep_exports is None):
            raise ConfigurationError(
                "config.no-auto-export",
                "it is said how reports are to be written, and not where",
                "name a folder: --auto-export DIR",
            )
        return None
    from memscope_client import AutoExport

    return AutoExport(
        str(folder),
        config.said("every", config.parse_every) if args.every is None else args.every,
        args.export_format or config.said("export_format", config.parse_formats),
        config.said("keep_exports", config.parse_keep_exports)
        if args.keep_exports is None
        else args.keep_exports,
    )


def overhead_of(args: argparse.Namespace) -> float:
    """The budget in percent, 0 = none."""
    return config.default_overhead() if args.max_overhead is None else float(args.max_overhead)


def sampling_of(args: argparse.Namespace, before: SamplingConfig | None = None) -> SamplingConfig:
    """The sampling that was asked for, checked; a ConfigurationError (exit code 2) otherwise. What was not
    named is as ``before``, or as by default; but for the seed, which is chosen anew."""
    chosen = before or config.default_preset()
    if args.rate is not None:
        chosen = dataclasses.replace(chosen, mode=SamplingMode.RATE, value=args.rate, preset="")
    elif args.bytes is not None:
        chosen = dataclasses.replace(chosen, mode=SamplingMode.BYTES, value=float(args.bytes), preset="")
    elif args.preset is not None:
        chosen = config.preset(args.preset)
    if args.depth is not None and args.depth != chosen.depth:
        # A preset that was changed is no longer that preset.
        chosen = dataclasses.replace(chosen, depth=args.depth, stacks=args.depth > 0, preset="")
    return config.check_sampling(dataclasses.replace(chosen, seed=args.seed))
