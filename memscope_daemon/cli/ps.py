"""``memscoped ps``: the Python processes of this host that memscope could look at."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.messages import say
from memscope_daemon.cli.output import aligned, print_json
from memscope_daemon.errors import ExitCode

if TYPE_CHECKING:
    from memscope_client import Session
    from memscope_daemon.attach.pythons import PythonProcess

SCHEMA = "memscope.ps/1"
EXAMPLES = """\
examples:
  memscoped ps                 Python processes, and which of them are being watched
  memscoped ps --all           those too that memscope would not attach to, and why not
  memscoped ps --json | jq '.processes[] | select(.memscope == "left_behind") | .pid'
"""
HEADS = ("PID", "USER", "PYTHON", "RSS", "CPU", "AGE", "PROGRAM", "MEMSCOPE")
RIGHT = frozenset(map(HEADS.index, ("PID", "RSS", "CPU", "AGE")))


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "ps",
        help="list Python processes",
        description="List the Python processes of this host, told by what /proc shows of them. No process is"
        " stopped, opened or asked. CPU is the share of one processor over the process's whole age.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", action="store_true", help="also those that memscope would not attach to")
    parser.add_argument("--json", action="store_true", help="the list as JSON on standard output")
    parser.set_defaults(run=run)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A process with its session, if a daemon of this user has one."""

    process: PythonProcess
    session: Session | None = None
    address: str = ""

    @property
    def state(self) -> str:
        """``none``, ``active``, ``active_elsewhere`` (for a daemon not known here), or ``left_behind``."""
        from memscope_daemon.attach.pythons import Inside

        if self.session is not None:
            return "active"
        states = {Inside.HOOKS: "active_elsewhere", Inside.LEFT_BEHIND: "left_behind"}
        return states.get(self.process.inside, "none")

    @property
    def note(self) -> str:
        """In words: what memscope does there, or why it would not."""
        if self.session is not None:
            return f"session {self.session.session_id}"
        if self.state == "left_behind":
            return f"left behind: memscoped detach {self.process.pid}"
        return "session of another daemon" if self.state == "active_elsewhere" else self.process.objection


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.attach.host import require_supported

    require_supported()
    from memscope_daemon.attach.pythons import list_pythons

    rows = with_sessions(list_pythons(), _sessions())
    shown = [row for row in rows if args.all or row.state != "none" or not row.process.objection]
    if args.json:
        print_json({"schema": SCHEMA, "processes": [_document(row) for row in shown]})
    else:
        _print(shown)
        if hidden := len(rows) - len(shown):
            say(f"{hidden} more that memscope would not attach to: memscoped ps --all")
    return int(ExitCode.DONE)


def with_sessions(
    processes: Iterable[PythonProcess], sessions: Sequence[tuple[str, Session]]
) -> tuple[Row, ...]:
    """Each process with its session; a pid that was used again is not mistaken for the target."""
    known = {
        (session.target.pid, session.target.start_time_ticks): (address, session)
        for address, session in sessions
    }
    rows = []
    for process in processes:
        address, session = known.get((process.pid, process.start_time_ticks), ("", None))
        rows.append(Row(process, session, address))
    return tuple(rows)


def _sessions() -> list[tuple[str, Session]]:
    """Of every daemon of this user that answers: where, and what."""
    from memscope_daemon import config

    addresses = [at for at in config.known_addresses() if _may_answer(at)]
    if not addresses:
        return []  # and gRPC is not needed
    from memscope_daemon.cli.find import clients, sessions_of

    found = []
    for client in clients(addresses):
        with client:
            found += [(client.address, session) for session in sessions_of(client)]
    return found


def _may_answer(address: str) -> bool:
    from memscope_daemon import config

    path = config.socket_path(address)
    return path is None or path.exists()


def _document(row: Row) -> dict[str, Any]:
    process, session = row.process, row.session
    return {
        "pid": process.pid,
        "user": _user(process.uid),
        "uid": process.uid,
        "start_time_ticks": process.start_time_ticks,
        "implementation": process.kind,
        "python_version": process.version or None,
        "program": process.program,
        "resident_bytes": process.resident_bytes,
        "cpu_seconds": round(process.cpu_s, 2),
        "cpu_percent": round(_percent(process), 2),
        "age_seconds": round(process.age_s, 2),
        "memscope": row.state,
        "session_id": session.session_id if session else None,
        "daemon": row.address or None,
        "objection": process.objection or None,
    }


def _print(rows: Sequence[Row]) -> None:
    """A table; on a terminal each process is one line of it."""
    from memscope_daemon.cli.text import printable

    cells = [HEADS, *(tuple(map(printable, _cells(row))) for row in rows)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in aligned(cells, RIGHT):
        print(line[:room])


def _cells(row: Row) -> tuple[str, ...]:
    from memscope_daemon.cli.text import bytes_text, duration_text

    process = row.process
    python = process.version or "not known"
    return (
        str(process.pid),
        _user(process.uid),
        python if process.kind == "cpython" else f"PyPy {python}",
        bytes_text(process.resident_bytes),
        f"{_percent(process):.1f} %",
        duration_text(process.age_s),
        process.program,
        row.note,
    )


def _percent(process: PythonProcess) -> float:
    return 100.0 * process.cpu_s / process.age_s if process.age_s > 0 else 0.0


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
