"""``memscoped report PID``: the report of a session, which goes on."""

from __future__ import annotations

import argparse
from typing import Any

from memscope_daemon.cli.arguments import add_session
from memscope_daemon.errors import ExitCode

EXAMPLES = """\
examples:
  memscoped report 4242                     what the session of that process knows by now
  memscoped report 4242 --json              the JSON report
  memscoped report 5f1c9a3e07d2b846         one session, also one that is over
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "report",
        help="print the report of a session",
        description="Print the report of a session that is under way, or of one that is over and whose daemon"
        " still runs. The session goes on as it is.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    parser.add_argument("--json", action="store_true", help="the JSON report")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.find import find_session
    from memscope_daemon.cli.outcome import print_outcome

    client, session = find_session(args.session, args.daemon)
    with client:
        print_outcome(client, session, as_json=args.json)
    return int(ExitCode.DONE)
