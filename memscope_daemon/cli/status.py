"""``memscoped status``: the sessions of all daemons of this user, and how each is."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.arguments import pid_or_session
from memscope_daemon.cli.output import print_json
from memscope_daemon.errors import ExitCode

if TYPE_CHECKING:
    from memscope_client import Client, Session, Snapshot

SCHEMA = "memscope.status/1"
EXAMPLES = """\
examples:
  memscoped status                 all sessions that are under way
  memscoped status 4242            that of one process, under way or over
  memscoped status --all --json    for a script: ended ones too

exit code 1: there is no such session
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="list sessions and how they are",
        description="List the sessions of all daemons of yours: how each is sampled, what it has found so"
        " far, how good its figures are, and what it costs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "session", metavar="PID|SESSION_ID", type=pid_or_session, nargs="?", help="this one only"
    )
    parser.add_argument("--all", action="store_true", help="also sessions that are over")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    parser.add_argument("--daemon", metavar="ADDR", help="of this daemon only")
    parser.set_defaults(run=run)


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One session. ``snapshot`` None: it is over, or its daemon could not tell."""

    daemon: str
    session: Session
    snapshot: Snapshot | None


def run(args: argparse.Namespace) -> int:
    lines = list(_one(args) if args.session else _all(args))
    if args.json:
        print_json({"schema": SCHEMA, "sessions": [_document(line) for line in lines]})
    else:
        print("\n".join(_text(lines)))
    return int(ExitCode.DONE)


def _one(args: argparse.Namespace) -> Iterator[Line]:
    from memscope_daemon.cli.find import find_session

    client, session = find_session(args.session, args.daemon)
    with client:
        yield _look(client, session)


def _all(args: argparse.Namespace) -> Iterator[Line]:
    from memscope_daemon.cli.find import clients_of

    for client in clients_of(args.daemon or None):
        with client:
            for session in client.sessions(include_ended=args.all):
                yield _look(client, session)


def _look(client: Client, session: Session) -> Line:
    from memscope_client import DaemonError

    snapshot = None
    if not session.is_ended:  # the file of one that is over may have to be opened: that is for reports
        try:
            snapshot = client.figures(session.session_id)
        except DaemonError:  # it has just ended, or its file cannot be read: the session is told all the same
            snapshot = None
    return Line(client.address, session, snapshot)


def _document(line: Line) -> dict[str, Any]:
    snapshot = line.snapshot
    told = {"daemon": line.daemon, **dataclasses.asdict(line.session)}
    told["figures"] = snapshot and dataclasses.asdict(snapshot.figures)
    told["quality"] = snapshot and dataclasses.asdict(snapshot.quality)
    told["cost"] = snapshot and dataclasses.asdict(snapshot.cost)
    found: dict[str, Any] = _finite(told)
    return found


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(lines: Iterable[Line]) -> Iterator[str]:
    none = True
    for line in lines:
        none = False
        yield _head(line.session)
        yield f"    {_sampling(line.session)}"
        if line.snapshot is not None:
            yield f"    {_figures(line.snapshot)}"
    if none:
        yield "no sessions"


def _head(session: Session) -> str:
    from memscope_daemon.cli.text import duration_text

    target, state = session.target, session.state
    if session.is_ended:
        state = f"ended ({(session.end_reason or 'reason not known').replace('_', ' ')})"
    for_s = duration_text(session.duration_ns / 1e9)
    return f"{target.pid}  {target.program} · {state} · {for_s} · session {session.session_id}"


def _sampling(session: Session) -> str:
    from memscope_daemon.cli.text import sampling_text

    parts = [sampling_text(session.sampling)]
    if session.paused:
        parts.insert(0, "paused")
    if session.max_overhead_percent:
        step = session.step.replace("_", " ")
        parts.append(f"step: {step}, the budget is {session.max_overhead_percent:g} %")
    return " · ".join(parts)


def _figures(snapshot: Snapshot) -> str:
    from memscope_daemon.cli.text import bytes_estimate

    parts = [f"live {bytes_estimate(snapshot.figures.live_bytes)}", f"quality {snapshot.quality.grade}"]
    if snapshot.quality.lost_count:
        parts.append(f"{snapshot.quality.drop_rate:.1%} lost")
    if snapshot.cost.target_cpu_ns:
        parts.append(f"cost {snapshot.cost.percent:.2g} %")
    return " · ".join(parts)
