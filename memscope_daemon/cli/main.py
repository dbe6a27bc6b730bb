"""The parser over all commands, and the one place where errors become text and exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from memscope_client.errors import DaemonError
from memscope_daemon import __version__
from memscope_daemon.cli.messages import complain
from memscope_daemon.errors import ExitCode, MemscopeError

#: Each is a module of this package, and is loaded when it is wanted.
COMMANDS = (
    "attach",
    "top",
    "status",
    "set",
    "pause",
    "resume",
    "mark",
    "report",
    "export",
    "system",
    "detach",
    "ps",
    "inspect",
    "doctor",
    "serve",
    "config",
    "completion",
    "man",
)

DESCRIPTION = "A sampling memory profiler for CPython that attaches to a running process by its PID."
EPILOG = """\
examples:
  memscoped attach 4242                     watch a process; Ctrl-C ends with a report
  memscoped attach 4242 --duration 30       watch it for half a minute
  memscoped attach 4242 --background        leave it running, come back later:
  memscoped detach 4242                     report and files of that session
  memscoped top                             look at a session that is running
  memscoped status                          all sessions, and how they are
  memscoped set 4242 --bytes 64K            more samples, from now on
  memscoped ps                              Python processes, and which are being watched
  memscoped report 4242                     what a session knows by now
  memscoped export 4242 --format html       the same as a page with a flame graph
  memscoped doctor 4242                     whether an attach would work, and if not, why

exit codes: 0 done, 1 failed, 2 usage, 3 refused (target untouched), 4 target ended, 5 partial;
130, 143, 129 after Ctrl-C, SIGTERM, SIGHUP
"""


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """With all commands; ``only``: with that one, which is quicker."""
    parser = argparse.ArgumentParser(
        prog="memscoped",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"memscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in (only,) if only in COMMANDS else COMMANDS:
        importlib.import_module(f"{__package__}.{name}").register(commands)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Runs one command; hands back its exit code."""
    try:
        args = build_parser(arguments[0] if arguments else "").parse_args(arguments)
        code = int(args.run(args))
        sys.stdout.flush()
    except (MemscopeError, DaemonError) as error:
        complain(error)
        return error.exit_code
    except BrokenPipeError:
        _forget_stdout()
        return int(ExitCode.DONE)
    except KeyboardInterrupt:
        return 130
    return code


def _forget_stdout() -> None:
    """The reader has gone: what is still buffered must not fail again when Python closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
