"""The end of a session as its user sees it: report on standard output, files in a folder."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from memscope_client import Client, DaemonError, Session
from memscope_daemon.cli import files
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ExitCode
from memscope_daemon.render.formats import DEFAULT_FORMATS, FORMATS

UNKNOWN_FORMAT = "render.unknown-format"


@dataclasses.dataclass(frozen=True, slots=True)
class Presentation:
    """What to show, and where files go (``folder`` None: a folder named after the target)."""

    as_json: bool
    folder: Path | None
    formats: Sequence[str] = DEFAULT_FORMATS


def present(client: Client, session: Session, how: Presentation) -> None:
    """Writes the files, then prints the report: what is printed last is what scrolls away last."""
    contents = export_all(client, session.session_id, how.formats)
    folder = how.folder or files.default_folder(session.target.program, session.target.pid)
    written = files.write_all(folder, contents)
    print_outcome(client, session, as_json=how.as_json, document=contents.get(FORMATS["json"]))
    for path in written:
        say(f"written: {path}")


def print_outcome(client: Client, session: Session, *, as_json: bool, document: bytes | None = None) -> None:
    """The report on standard output. ``document``: its JSON, where that is at hand already."""
    if document is None:
        document = client.export(session.session_id, "json")[1]
    if as_json:
        sys.stdout.write(document.decode())
    else:
        from memscope_daemon.cli.table import print_report

        print_report(client.report(session.session_id), preface_of(document))
    sys.stdout.flush()


def export_all(
    client: Client, session_id: str, formats: Sequence[str] = DEFAULT_FORMATS, measure: str = ""
) -> dict[str, bytes]:
    """The files of a report, by name, as the daemon renders them; a format that is too new for it is said and
    left out."""
    contents = {}
    for format_name in formats:
        try:
            contents[FORMATS[format_name]] = client.export(session_id, format_name, measure=measure)[1]
        except DaemonError as error:
            if error.code != UNKNOWN_FORMAT:
                raise
            say(f"the daemon at {client.address} is older and does not write {format_name}")
    return contents


def preface_of(document: bytes) -> tuple[str, ...]:
    """The first lines of every report, what it cannot see: in the words of the JSON report."""
    return tuple(str(line) for line in json.loads(document).get("preface", ()))


def ended_code(session: Session) -> ExitCode:
    """The exit code for a session that ended by itself, said in words on standard error."""
    detail = f": {session.end_detail}" if session.end_detail else ""
    if session.end_reason == "target_exited":
        say(f"the target has ended{detail}")
        return ExitCode.TARGET_ENDED
    if session.end_reason == "detached":
        return ExitCode.DONE
    if session.end_reason == "over_budget":
        say(f"detached to keep to the budget{detail}")
        return ExitCode.PARTIAL
    say(f"the session ended ({session.end_reason or 'reason not known'}){detail}")
    return ExitCode.FAILED
