"""The end of a session as its user sees it: report on standard output, files in a folder."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from memscope_client import Client, Session
from memscope_daemon.cli import files
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ExitCode

EXPORTS = {"json": "report.json", "collapsed": "stacks.collapsed"}


@dataclasses.dataclass(frozen=True, slots=True)
class Presentation:
    """What to show, and where files go (``folder`` None: a folder named after the target)."""

    as_json: bool
    folder: Path | None


def present(client: Client, session: Session, how: Presentation) -> None:
    """Writes the files, then prints the report: what is printed last is what scrolls away last."""
    contents = export_all(client, session.session_id)
    folder = how.folder or files.default_folder(session.target.program, session.target.pid)
    written = files.write_all(folder, contents)
    if how.as_json:
        sys.stdout.write(contents[EXPORTS["json"]].decode())
        sys.stdout.flush()
    else:
        from memscope_daemon.cli.table import print_report

        print_report(client.report(session.session_id), preface_of(contents[EXPORTS["json"]]))
        sys.stdout.flush()
    for path in written:
        say(f"written: {path}")


def export_all(client: Client, session_id: str) -> dict[str, bytes]:
    """Every file of a report, by name, as the daemon renders it."""
    return {name: client.export(session_id, format_name)[1] for format_name, name in EXPORTS.items()}


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
