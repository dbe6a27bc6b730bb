"""``memscoped serve``: one daemon for all sessions of this user."""

from __future__ import annotations

import argparse
import os
import queue
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli import loading
from memscope_daemon.cli.arguments import add_formats, add_history
from memscope_daemon.cli.messages import complain, say
from memscope_daemon.errors import ExitCode
from memscope_daemon.render.formats import DEFAULT_FORMATS

if TYPE_CHECKING:
    from memscope_client import Client, Session
    from memscope_daemon.cli.signals import Signalled
    from memscope_daemon.model.session import SessionStamp

EXAMPLES = """\
examples:
  memscoped serve                                at the default address
  memscoped serve --keep 2G                      the newest captures, up to so many bytes
  memscoped serve --address unix:/run/m.sock     elsewhere; clients take --daemon unix:/run/m.sock
"""
LOOK_S = 0.5
CROWDED = "client.resource-exhausted"
LINGER_LOOKS = 10  # a client that has just detached still fetches its report


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="run a daemon for many sessions",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", metavar="ADDR", help="where to listen (default: a socket of this user)")
    parser.add_argument("--until-idle", action="store_true", help="end with the last session")
    parser.add_argument(
        "--keep",
        metavar="SIZE",
        help="of captures of sessions that are over, so much is kept (default: as set, else 10G)",
    )
    add_history(parser, "as set, else development")
    parser.add_argument(
        "--export",
        metavar="DIR",
        type=Path,
        help="folder for reports that nobody fetches: the target ended",
    )
    add_formats(parser, DEFAULT_FORMATS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_client import Client
    from memscope_daemon import config
    from memscope_daemon.attach.host import require_supported

    require_supported()
    from memscope_daemon.app import Daemon
    from memscope_daemon.cli.signals import SignalsAsEvents

    loading.done()
    carried = config.carried_address(os.getpid()) if args.until_idle else None
    address = args.address or carried or config.default_address()
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with SignalsAsEvents(events):
        daemon = Daemon(
            address,
            config.state_dir(),
            spare_shippers=0 if args.until_idle else 1,
            keep_bytes=config.keep_bytes() if args.keep is None else config.parse_size(args.keep),
            history=config.parse_history(args.history) if args.history else None,
        )
        daemon.start()
        say(f"serving at {address}")
        try:
            with Client(address) as client:
                keeper = Keeper(client, events, args.export, lambda: daemon.stamp, args.format)
                signalled = keeper.run((lambda: daemon.unasked_ns) if args.until_idle else None)
        finally:
            daemon.stop()
    return signalled.exit_code if signalled else int(ExitCode.DONE)


class Keeper:
    """Looks after the sessions of a daemon: exports those nobody fetches, knows when all are over.

    Its files are of the end alone, for whoever left a session in the background, and are written once. What
    was ordered by ``--auto-export`` the daemon writes by itself, whoever keeps it (``server/auto_export``);
    a session may have both.

    ``stamp``: of its sessions. They are listed only where one has ended by itself: a daemon that has hundreds
    of them which are over does not look at each all the time.
    """

    def __init__(
        self,
        client: Client,
        events: queue.SimpleQueue[Any],
        folder: Path | None,
        stamp: Callable[[], SessionStamp],
        formats: Sequence[str] = DEFAULT_FORMATS,
    ) -> None:
        self._client = client
        self._events = events
        self._folder = folder
        self._stamp = stamp
        self._formats = formats
        self._exported: frozenset[str] = frozenset()
        self._is_crowded_out = False

    def run(self, unasked_ns: Callable[[], int] | None = None) -> Signalled | None:
        """Until a signal comes; with ``unasked_ns`` (how long nobody has asked for anything) also until the
        last session has been over for a while, and its reports are fetched."""
        idle_looks = 0
        while True:
            try:
                signalled: Signalled = self._events.get(timeout=LOOK_S)
            except queue.Empty:
                now = self._stamp()
                is_done = now.left <= self._exported or self._export_left(now.left)
                idle_looks = 0 if now.under_way or not is_done else idle_looks + 1
                lingered_ns = int(LINGER_LOOKS * LOOK_S * 1e9)
                if unasked_ns and idle_looks >= LINGER_LOOKS and unasked_ns() >= lingered_ns:
                    return None
                continue
            self._detach_all()
            return signalled

    def _detach_all(self) -> None:
        """Where there is no room for these calls, the daemon detaches from all as it ends; without files."""
        from memscope_client import DaemonError

        try:
            sessions = self._client.sessions()
        except DaemonError as error:
            complain(error)
            return
        for session in sessions:
            try:
                self._export(self._client.detach(session.session_id))
            except DaemonError as error:
                complain(error)

    def _export_left(self, left: frozenset[str]) -> bool:
        """Whoever asks for a detach fetches the report and writes the files, with rights of their own. Those
        of the others are written here. False: the daemon has so many calls to answer that there is no room
        for ours. It goes on."""
        from memscope_client import DaemonError

        try:
            for session in self._client.sessions(include_ended=True):
                if session.session_id in left - self._exported:
                    self._export(session)
                    self._exported |= {session.session_id}
            self._exported |= left  # one that is no more was forgotten meanwhile
        except DaemonError as error:
            if not self._is_crowded_out:
                complain(error)
            self._is_crowded_out = True
            return False
        self._is_crowded_out = False
        return True

    def _export(self, session: Session) -> None:
        from memscope_client import DaemonError
        from memscope_daemon import config
        from memscope_daemon.cli import files
        from memscope_daemon.cli.outcome import export_all
        from memscope_daemon.errors import ExportError

        name = files.default_folder(session.target.program, session.target.pid)
        folder = self._folder or config.state_dir() / "reports" / name
        try:
            for path in files.write_all(folder, export_all(self._client, session.session_id, self._formats)):
                print(f"written: {path}", file=sys.stderr)
        except (DaemonError, ExportError) as error:
            if error.code == CROWDED:
                raise
            complain(error)
