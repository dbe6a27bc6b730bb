"""``memscoped attach PID``: from a running process to a report."""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memscope_client.errors import DaemonError
from memscope_daemon import config
from memscope_daemon.cli.arguments import (
    add_auto_export,
    add_history,
    add_output,
    add_overhead,
    add_pid,
    add_refresh,
    add_sampling,
    auto_export_of,
    overhead_of,
    sampling_of,
    seconds,
)
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ConfigurationError, ExitCode
from memscope_daemon.model.sampling import SamplingConfig

if TYPE_CHECKING:
    from memscope_client import Client, Sampling, Session
    from memscope_daemon.cli.follow import Looking, Wanted

EXAMPLES = """\
examples:
  memscoped attach 4242                          watch; Ctrl-C detaches and reports
  memscoped attach 4242 --duration 30 --out r    half a minute, files in r/
  memscoped attach 4242 --bytes 64K --depth 20   eight times the samples of the default
  memscoped attach 4242 --preset full            record every allocation
  memscoped attach 4242 --max-overhead 2         step back before it costs more than 2 %
  memscoped attach 4242 --duration 5 --json | jq .hotspots[0]
  memscoped attach 4242 --duration 5 --format html,speedscope   these files
  memscoped attach 4242 --auto-export r --every 5m    a report in r/ each five minutes, and at the end
  memscoped attach 4242 --background             return at once; `memscoped detach 4242` reports
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "attach",
        help="watch a running process",
        description="Attach to a running CPython process and report who allocates what, and what stays.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pid(parser)
    add_sampling(parser)
    add_overhead(parser)
    add_history(parser, "as the daemon was told")
    add_auto_export(parser)
    parser.add_argument("--duration", metavar="S", type=seconds, help="detach and report after S seconds")
    parser.add_argument("--no-live", action="store_true", help="no live view, only the report at the end")
    add_refresh(parser)
    parser.add_argument("--background", action="store_true", help="return once tracking is active")
    add_output(parser)
    parser.add_argument("--daemon", metavar="ADDR", help="the daemon to use, e.g. unix:/run/memscope.sock")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    sampling = sampling_of(args)
    if args.history:
        config.parse_history(args.history)
    auto_export = auto_export_of(args)
    if args.background and args.duration is not None:
        raise ConfigurationError(
            "config.background-duration", "--background has no --duration", "leave one of the two out"
        )
    from memscope_daemon.cli.endpoint import reach, running
    from memscope_daemon.cli.follow import Wanted

    try:
        client = reach(config.default_address()) if args.daemon is None else running(args.daemon)
    except DaemonError as error:
        if args.daemon is None or not error.is_unimplemented:
            raise
        # A server that offers nothing but Ingest: then the attaching is ours to do.
        if args.max_overhead:
            raise ConfigurationError(
                "config.overhead-needs-daemon",
                f"the server at {args.daemon} takes events and does not look after targets",
                "leave out --max-overhead, or --daemon",
            ) from error
        if args.auto_export:
            raise ConfigurationError(
                "config.auto-export-needs-daemon",
                f"the server at {args.daemon} takes events and writes no reports",
                "leave out --auto-export, or --daemon",
            ) from error
        from memscope_daemon.attach.host import require_supported

        require_supported()
        from memscope_daemon.cli import agent

        return agent.run(args.pid, sampling, args.daemon, args.duration)
    wanted = Wanted(wire_sampling(sampling), overhead_of(args), args.history or "", auto_export)
    return _background(args, wanted, client) if args.background else _foreground(args, wanted, client)


def _foreground(args: argparse.Namespace, wanted: Wanted, running: Client | None) -> int:
    from memscope_daemon.cli.endpoint import carried
    from memscope_daemon.cli.follow import Ending, Foreground
    from memscope_daemon.cli.outcome import Presentation, present
    from memscope_daemon.cli.signals import SignalsAsEvents

    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with SignalsAsEvents(events), running or carried() as client:
        foreground = Foreground(client, events)
        is_live = _is_live(args)
        session = foreground.attach(args.pid, wanted, _prepare_live_view if is_live else None)
        if isinstance(session, Ending):
            return session.exit_code
        say(f"tracking {session.target.program or args.pid}, session {session.session_id}")
        _check_order(wanted, session)
        with _live_view(client, session, events, args.refresh) if is_live else _nobody() as look:
            why = foreground.watch(session, args.duration, look)
        ending = foreground.end(session, why)
        if ending.session is not None:
            present(client, ending.session, Presentation(args.json, args.out, args.format))
        return ending.exit_code


def _background(args: argparse.Namespace, wanted: Wanted, running: Client | None) -> int:
    from memscope_daemon.cli.endpoint import start_background

    with running or start_background(args.out, args.format) as client:
        attachment = wanted.attach(client, args.pid)
        for text in attachment:
            say(text)
        session = attachment.result()
    _check_order(wanted, session)
    say(f"tracking {session.target.program or args.pid}; for the report: memscoped detach {args.pid}")
    print(session.session_id)
    return int(ExitCode.DONE)


def _check_order(wanted: Wanted, session: Session) -> None:
    if session.auto_export.folder:
        say(f"reports are written below {session.auto_export.folder}")
    elif wanted.auto_export is not None:
        say("this daemon is of an older version: it will write no reports by itself")


def _is_live(args: argparse.Namespace) -> bool:
    """Whether somebody looks, at a terminal that can show it."""
    if args.no_live or args.json or not sys.stdout.isatty():
        return False
    from memscope_daemon.cli.live.terminal import is_usable

    return is_usable()


def _prepare_live_view() -> None:
    """Its parts take a while to load: the attach takes one too."""
    import memscope_daemon.cli.live.show  # noqa: F401


@contextlib.contextmanager
def _live_view(
    client: Client, session: Session, events: queue.SimpleQueue[Any], every_s: float
) -> Iterator[Looking]:
    from memscope_daemon.cli.live.show import LiveView, LogLines
    from memscope_daemon.cli.live.terminal import Terminal

    leaving = "detach and report"
    with (
        LogLines(events),
        Terminal(events) as terminal,
        LiveView(
            client, session, terminal, events, every_s=every_s, leaving=leaving, from_start=True
        ) as view,
    ):
        yield view


@contextlib.contextmanager
def _nobody() -> Iterator[None]:
    """Nobody looks."""
    yield None


def wire_sampling(config: SamplingConfig) -> Sampling:
    """The client's value for our own."""
    from memscope_client import Sampling

    return Sampling(
        mode=config.mode.name.lower(),
        value=config.value,
        stacks=config.stacks,
        depth=config.depth,
        seed=config.seed or 0,
        seed_given=config.seed is not None,
        preset=config.preset,
    )
