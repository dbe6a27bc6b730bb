"""``memscoped mark PID LABEL``: note a moment down, a deploy for instance."""

from __future__ import annotations

import argparse
from typing import Any

from memscope_daemon.cli.arguments import add_session
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ExitCode

EXAMPLES = """\
examples:
  memscoped mark 4242 "deploy 2.4.1"
  memscoped mark 5f1c9a3e07d2b846 "cache emptied"
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "mark",
        help="note this moment down",
        description="Note this moment of a session down. Marks stand in its report, and in the figures of"
        " those who watch it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    parser.add_argument("label", metavar="LABEL", help="one line, of 200 characters at most")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.find import find_session

    client, session = find_session(args.session, args.daemon)
    with client:
        mark = client.mark(session.session_id, args.label)
    say(f"noted down at {mark.time_ns / 1e9:.1f} s of session {session.session_id}: {mark.label}")
    return int(ExitCode.DONE)
