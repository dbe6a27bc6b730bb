"""``memscoped resume PID``: the end of ``memscoped pause PID``."""

from __future__ import annotations

import argparse
from typing import Any

from memscope_daemon.cli.arguments import add_session
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ExitCode

EXAMPLES = """\
examples:
  memscoped resume 4242
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "resume",
        help="sample again after a pause",
        description="Go on sampling in a process that was paused.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.find import find_session
    from memscope_daemon.cli.text import sampling_text

    client, session = find_session(args.session, args.daemon)
    with client:
        resumed = client.resume(session.session_id)
    if resumed.step == "counters_only":
        say(f"process {resumed.target.pid} is still not sampled, to keep to its budget")
    else:
        say(f"process {resumed.target.pid} is sampled: {sampling_text(resumed.sampling)}")
    return int(ExitCode.DONE)
