"""``memscoped pause PID``: sample nothing until ``memscoped resume PID``."""

from __future__ import annotations

import argparse
from typing import Any

from memscope_daemon.cli.arguments import add_session
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ExitCode

EXAMPLES = """\
examples:
  memscoped pause 4242          while something runs that is of no interest
  memscoped resume 4242         and go on

What is allocated while a session is paused is in no figure, and the report says when that was. Blocks that
were sampled before are followed. The pause stays until it is ended, whoever else comes and goes.
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "pause",
        help="sample nothing for a while",
        description="Stop sampling in a process; its session goes on.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.find import find_session

    client, session = find_session(args.session, args.daemon)
    with client:
        paused = client.pause(session.session_id)
    say(f"process {paused.target.pid} is not sampled until: memscoped resume {args.session}")
    return int(ExitCode.DONE)
