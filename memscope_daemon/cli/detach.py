"""``memscoped detach PID``: end a session wherever it runs; take hooks out that nobody looks after."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.arguments import add_output, add_pid
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ExitCode

if TYPE_CHECKING:
    from memscope_client import Client, Session

EXAMPLES = """\
examples:
  memscoped detach 4242                      the report, and files in memscope-<program>-4242-<time>/
  memscoped detach 4242 --json               the JSON report on standard output
  memscoped detach 4242 --format html,svg    these files
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "detach",
        help="end a session and report",
        description="Take the hooks out of a process and print the report of its session.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pid(parser)
    add_output(parser)
    parser.add_argument("--daemon", metavar="ADDR", help="the daemon that has the session")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon import config
    from memscope_daemon.cli.find import clients, sessions_of

    for client in clients((args.daemon,) if args.daemon else config.known_addresses()):
        with client:
            for session in sessions_of(client, str(args.pid)):
                if not session.is_ended:
                    return _end(client, session, args)
    return _take_out(args.pid)


def _end(client: Client, session: Session, args: argparse.Namespace) -> int:
    from memscope_daemon.cli.outcome import Presentation, ended_code, present

    ended = client.detach(session.session_id)
    code = ended_code(ended)
    present(client, ended, Presentation(args.json, args.out, args.format))
    return int(code)


def _take_out(pid: int) -> int:
    """No daemon knows the process: whatever of ours is still in it goes, without a report."""
    from memscope_daemon.attach.host import require_supported

    require_supported()
    from memscope_daemon.attach.session import leave

    say(f"no daemon has a session of process {pid}; looking for hooks left in it")
    result = leave(pid, say)
    if result.left_in_chain:
        say("another tool's hooks stand on top of ours: ours stay in and only pass through")
    else:
        say("the hooks are out" if result.had_hooks else "the library is mapped, its hooks were out already")
    say("there is no report: the session's daemon is gone")
    return int(ExitCode.DONE)
