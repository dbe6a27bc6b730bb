"""``memscoped export PID``: files of a session, which goes on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.arguments import add_formats, add_session
from memscope_daemon.errors import ConfigurationError, ExitCode, ExportError
from memscope_daemon.model.stacks import MEASURES

if TYPE_CHECKING:
    from memscope_client import Session

EXAMPLES = """\
examples:
  memscoped export 4242                                 report.html in memscope-<program>-4242-<time>/
  memscoped export 4242 --out leak.html                 the same as one file
  memscoped export 4242 --format speedscope,collapsed --out r
  memscoped export 4242 --format svg --measure peak_bytes --out peak.svg
  memscoped export 4242 --format collapsed --out - | head
  memscoped export 5f1c9a3e07d2b846 --format json       one session, also one that is over
"""
STANDARD_OUTPUT = Path("-")


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="write files of a session",
        description="Write files of a session that is under way, or of one that is over and whose daemon"
        " still runs: a page with a flame graph (html), a flame graph (svg), stacks for other tools"
        " (speedscope, collapsed), the report (json). The session goes on as it is.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    add_formats(parser, ("html",))
    parser.add_argument(
        "--out",
        metavar="DIR|FILE",
        type=Path,
        help="a folder; for a single format also a file, or - (default: memscope-<program>-<pid>-<time>)",
    )
    parser.add_argument(
        "--measure", choices=MEASURES, default="", help=f"what stacks are weighed by (default: {MEASURES[0]})"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.out == STANDARD_OUTPUT and len(args.format) > 1:
        raise ConfigurationError(
            "config.several-to-stdout", "standard output takes a single format", "name one, or a folder"
        )
    from memscope_daemon.cli.find import find_session
    from memscope_daemon.cli.outcome import export_all

    client, session = find_session(args.session, args.daemon)
    with client:
        contents = export_all(client, session.session_id, args.format, args.measure)
    if not contents:
        raise ExportError(
            "export.nothing-written", "none of the files could be made", "choose formats that the daemon has"
        )
    _deliver(contents, args.out, session)
    return int(ExitCode.DONE if len(contents) == len(args.format) else ExitCode.PARTIAL)


def _deliver(contents: dict[str, bytes], out: Path | None, session: Session) -> None:
    from memscope_daemon.cli import files

    if out == STANDARD_OUTPUT:
        sys.stdout.buffer.write(next(iter(contents.values())))
        sys.stdout.buffer.flush()
        return
    folder = out or files.default_folder(session.target.program, session.target.pid)
    if out is not None and len(contents) == 1 and _is_file(out):
        contents, folder = {out.name: next(iter(contents.values()))}, out.parent
    for path in files.write_all(folder, contents):
        print(path)


def _is_file(path: Path) -> bool:
    """What is there already decides; else a name with a dot in it is that of a file."""
    return path.is_file() or (not path.is_dir() and path.suffix != "")
