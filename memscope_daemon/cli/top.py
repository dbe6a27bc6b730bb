"""``memscoped top [PID|SESSION]``: the live view of a session that a daemon has; leaving it ends nothing."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import queue
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.arguments import add_refresh
from memscope_daemon.cli.output import print_json
from memscope_daemon.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from memscope_client import Client, Session
    from memscope_daemon.cli.live.moment import Moment

WIDTH_WITHOUT_TERMINAL, HEIGHT_WITHOUT_TERMINAL = 120, 40
EXAMPLES = """\
examples:
  memscoped top                           the session there is; of several, choose
  memscoped top 4242                      that on process 4242
  memscoped top --once                    one frame, also into a pipe
  memscoped top 4242 --once --json | jq .current_memory_bytes
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "top",
        help="look at a running session",
        description="Show the figures of a session as they come. Leaving the view ends nothing.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "which", metavar="PID|SESSION", nargs="?", help="the target, or the beginning of a session's id"
    )
    parser.add_argument("--once", action="store_true", help="one frame on standard output, and no more")
    parser.add_argument("--json", action="store_true", help="with --once: the figures as JSON")
    add_refresh(parser)
    parser.add_argument("--daemon", metavar="ADDR", help="the daemon that has the session")
    parser.set_defaults(run=run)


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A session, and a client of the daemon that has it."""

    client: Client
    session: Session


def run(args: argparse.Namespace) -> int:
    if args.json and not args.once:
        raise ConfigurationError("config.json-once", "--json shows one moment", "add --once")
    if not args.once:
        _require_terminal()
    with contextlib.ExitStack() as stack:
        known = _matching(_sessions(args.daemon, stack), args.which)
        if not known:
            raise _none(args.which)
        if args.once:
            return _once(known, args.json)
        return _live(known, args.refresh)


def _require_terminal() -> None:
    from memscope_daemon.cli.live.terminal import is_usable

    if not is_usable():
        raise ConfigurationError(
            "config.no-terminal", "standard output is no terminal that could show it", "memscoped top --once"
        )


def _sessions(address: str | None, stack: contextlib.ExitStack) -> list[Known]:
    """Of the daemon that was named, or of each of this user's."""
    from memscope_daemon.cli.find import clients_of, sessions_of

    found = []
    for client in map(stack.enter_context, clients_of(address)):
        listed = sessions_of(client) if address is None else client.sessions()
        found += [Known(client, session) for session in listed]
    return found


def _matching(known: Sequence[Known], which: str | None) -> list[Known]:
    """By pid first: an id may look like one."""
    running = [one for one in known if one.session.state != "starting"]
    if which is None:
        return running
    by_pid = [one for one in running if str(one.session.target.pid) == which]
    return by_pid or [one for one in running if one.session.session_id.startswith(which.lower())]


def _none(which: str | None) -> ConfigurationError:
    what = "no session runs" if which is None else f"no session that runs is {which!r} or on such a process"
    return ConfigurationError(
        "top.no-session", what, "memscoped attach PID begins one; memscoped ps lists processes and sessions"
    )


def _once(known: Sequence[Known], as_json: bool) -> int:
    from memscope_daemon.cli.live import choose, once

    sessions = [one.session for one in known]
    moment = _moment(known[0]) if len(known) == 1 else None
    if as_json:
        print_json(once.document(moment) if moment else once.sessions_document(sessions))
    else:
        print(_frame(moment) if moment else "\n".join(choose.table(sessions)))
    return int(ExitCode.DONE)


def _moment(known: Known) -> Moment:
    """The newest figures."""
    from memscope_daemon.cli.live.moment import Trail
    from memscope_daemon.cli.live.source import SITES_ASKED, System

    client, session_id = known.client, known.session.session_id
    system, trail = System(client, session_id).look(), Trail(SITES_ASKED)
    for point in client.watch(session_id, after=None, site_count=SITES_ASKED):
        moment = trail.take(point, system)
        if moment is not None:
            return moment
    raise ConfigurationError("top.no-session", f"session {session_id} ended just now", "memscoped top")


def _frame(moment: Moment) -> str:
    """As the live view shows it, without colours where nobody would see them."""
    from rich.console import Console

    from memscope_daemon.cli.live.draw import Size, frame
    from memscope_daemon.cli.live.view import View

    on_terminal = sys.stdout.isatty()
    out = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    width = out.width if on_terminal else WIDTH_WITHOUT_TERMINAL
    height = out.height if on_terminal else HEIGHT_WITHOUT_TERMINAL
    drawn = frame(moment.session, moment, View(), Size(width, height - 1), "leave").lines[:-1]
    with out.capture() as captured:
        for line in drawn:
            out.print(line, soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().split("\n")).rstrip()


def _live(known: Sequence[Known], every_s: float) -> int:
    from memscope_daemon.cli.live.chooser import ask
    from memscope_daemon.cli.live.show import LiveView, until_left
    from memscope_daemon.cli.live.terminal import Terminal
    from memscope_daemon.cli.signals import Signalled, SignalsAsEvents

    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with SignalsAsEvents(events), Terminal(events) as terminal:
        chosen = ask([one.session for one in known], terminal, events) if len(known) > 1 else 0
        if not isinstance(chosen, int):
            return chosen.exit_code if isinstance(chosen, Signalled) else int(ExitCode.DONE)
        client, session = known[chosen].client, known[chosen].session
        with LiveView(
            client,
            session,
            terminal,
            events,
            every_s=every_s,
            leaving="leave; the session goes on",
            from_start=False,
        ) as view:
            signalled = until_left(view, events)
    return signalled.exit_code if signalled else int(ExitCode.DONE)
