"""Finds a session by PID or id, at whichever daemon of this user has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memscope_client import Client, DaemonError, Session
from memscope_daemon import config
from memscope_daemon.cli.endpoint import reach, running
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import AnalysisError

SESSION_ID = re.compile(r"[0-9a-f]{16}")


def find_session(selector: str, daemon_address: str | None) -> tuple[Client, Session]:
    """The session of a PID or of an id (16 hex digits), and a client of its daemon that the caller closes.

    Of several on a PID: one that is under way, else the newest.

    :raises DaemonError: nobody answers at ``daemon_address``.
    :raises AnalysisError: code ``session.not-found``: no daemon knows of one.
    """
    found: list[tuple[Client, Session]] = []
    for client in clients_of(daemon_address):
        if sessions := sessions_of(client, selector, include_ended=True):
            found.append((client, max(sessions, key=_rank)))
        else:
            client.close()
    if not found:
        raise _not_found(selector, daemon_address)
    best = max(found, key=lambda pair: _rank(pair[1]))
    for client, _ in found:
        if client is not best[0]:
            client.close()
    return best


def clients_of(daemon_address: str | None) -> Iterable[Client]:
    """Of that daemon, or of each of this user's that answers; whoever takes one closes it.

    :raises DaemonError: nobody answers at ``daemon_address``.
    """
    return clients(config.known_addresses()) if daemon_address is None else (running(daemon_address),)


def clients(addresses: Iterable[str]) -> Iterator[Client]:
    """A client of each daemon that answers; whoever takes one closes it."""
    for address in addresses:
        try:
            client = reach(address)
        except DaemonError as error:
            say(f"{address}: {error.message}")
            continue
        if client is not None:
            yield client


def sessions_of(
    client: Client, selector: str | None = None, *, include_ended: bool = False
) -> tuple[Session, ...]:
    """The sessions of that daemon, or those that the selector names; of one that fails, which is said,
    none: others may have what is looked for."""
    try:
        known = client.sessions(include_ended=include_ended)
    except DaemonError as error:  # one that was just about to end knows of no session
        say(f"{client.address}: {error.message}")
        return ()
    return tuple(session for session in known if selector is None or _is_named(session, selector))


def _is_named(session: Session, selector: str) -> bool:
    if SESSION_ID.fullmatch(selector):
        return session.session_id == selector
    return session.target.pid == int(selector)


def _rank(session: Session) -> tuple[bool, int]:
    return not session.is_ended, session.started_unix_ns


def _not_found(selector: str, daemon_address: str | None) -> AnalysisError:
    what = f"session {selector}" if SESSION_ID.fullmatch(selector) else f"a session of process {selector}"
    who = f"the daemon at {daemon_address} knows" if daemon_address else "no daemon of yours knows"
    return AnalysisError(
        "session.not-found",
        f"{who} of {what}",
        "begin one with `memscoped attach PID --background`; one that is over is known for as long as the"
        " daemon runs that had it (`memscoped serve`)",
    )
