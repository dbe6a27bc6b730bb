"""``memscoped system PID``: what the system says of a target and of its host."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.arguments import add_session, checked, seconds
from memscope_daemon.cli.output import print_json
from memscope_daemon.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from memscope_client import Client, Session, SystemSamples

SCHEMA = "memscope.system/1"
EXAMPLES = """\
examples:
  memscoped system 4242                    processor, memory, disk, network, GPU: the target and its host
  memscoped system 4242 --json             the whole series, ten looks a second, for a script
  memscoped system 4242 --json --last 60   the last minute of it
  memscoped system 5f1c9a3e07d2b846        one session, also one that is over
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "system",
        help="show what the system says of a target and its host",
        description="Show what the system monitor saw from outside of a session's target and, apart, of its"
        " host. What is measured over more than the target says so; what is not known is a dash.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    parser.add_argument(
        "--last", metavar="SECONDS", type=checked(seconds), help="of this time only (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="every look, as JSON on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.find import find_session

    client, session = find_session(args.session, args.daemon)
    with client:
        target, host = (_series(client, session, args, host=of_host) for of_host in (False, True))
    if args.json:
        print_json(_document(session, target, host))
    else:
        _print(session, target, host)
    return int(ExitCode.DONE)


def _series(client: Client, session: Session, args: argparse.Namespace, *, host: bool) -> SystemSamples:
    """In words only the last look is shown, so only the last second is asked for."""
    last_s = args.last or (0.0 if args.json else 1.0)
    after_ns = max(session.duration_ns - int(last_s * 1e9), 0) if last_s else 0
    found = client.system_samples(session.session_id, after_ns=after_ns, host=host)
    if not found.samples and not args.json:
        found = client.system_samples(session.session_id, host=host)
    return found


def _document(session: Session, target: SystemSamples, host: SystemSamples) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "session_id": session.session_id,
        "pid": session.target.pid,
        "system_scopes": dict(target.scopes),
        "host_scopes": dict(host.scopes),
        "system_snapshots": [dataclasses.asdict(sample) for sample in target.samples],
        "host_snapshots": [dataclasses.asdict(sample) for sample in host.samples],
    }


def _print(session: Session, target: SystemSamples, host: SystemSamples) -> None:
    from rich.table import Table
    from rich.text import Text

    from memscope_daemon.cli import text
    from memscope_daemon.cli.table import console

    out = console()
    out.print(Text(text.session_line(session)), soft_wrap=True)
    if not target.samples:
        out.print("nobody has looked yet: ask again in a second")
        return
    latest, of_host = target.samples[-1], host.samples[-1] if host.samples else None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"at {latest.timestamp_ns / 1e9:.1f} s")
    table.add_column("target", justify="right", no_wrap=True)
    table.add_column("host", justify="right", no_wrap=True)
    table.add_column("measured over", overflow="fold")
    for name, in_words in _figures().items():
        row = (in_words(getattr(latest, name)), in_words(getattr(of_host, name)) if of_host else text.DASH)
        table.add_row(name.replace("_", " "), *row, Text(target.scopes.get(name, "the target")))
    out.print(table)


def _figures() -> dict[str, Callable[[Any], str]]:
    """How each figure of a sample is told, in the order in which they stand."""
    from memscope_daemon.cli import text

    def percent(value: float) -> str:
        return f"{value:.1f} %"

    def speed(value: float) -> str:
        return f"{text.bytes_text(value)}/s"

    ways: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("cpu_usage_percent", percent),
        ("memory_usage_bytes", text.bytes_text),
        ("memory_usage_percent", percent),
        ("thread_count", str),
        ("disk_read_bps", speed),
        ("disk_write_bps", speed),
        ("network_rx_bps", speed),
        ("network_tx_bps", speed),
        ("gpu_usage_percent", percent),
        ("gpu_memory_used", text.bytes_text),
        ("gpu_memory_total", text.bytes_text),
        ("active_allocations", text.count_text),
        ("peak_memory", text.bytes_text),
    )
    return {name: _or_dash(way) for name, way in ways}


def _or_dash(way: Callable[[Any], str]) -> Callable[[Any], str]:
    from memscope_daemon.cli.text import DASH

    return lambda value: DASH if value is None else way(value)
