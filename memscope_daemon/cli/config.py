"""``memscoped config``: every setting, what it is, and who says so."""

from __future__ import annotations

import argparse
from typing import Any

from memscope_daemon.cli.messages import say
from memscope_daemon.cli.output import print_json
from memscope_daemon.errors import ExitCode

SCHEMA = "memscope.config/1"
EXAMPLES = """\
examples:
  memscoped config                                   each setting, its value, and where it is said
  memscoped config --json                            the same for a script
  memscoped config --example > "$(memscoped config --path)"    a file to begin with
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "config",
        help="show settings and where they are said",
        description="The command line goes before MEMSCOPE_* in the environment, that before the file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="as JSON on standard output")
    how.add_argument("--path", action="store_true", help="where the file is looked for, and nothing else")
    how.add_argument("--example", action="store_true", help="a file with everything in it, commented out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon import settings

    if args.path:
        print(settings.path())
    elif args.example:
        print(settings.example(), end="")
    else:
        _show(args.json)
    return int(ExitCode.DONE)


def _show(as_json: bool) -> None:
    """Each is read as it will be: one that makes no sense is an error here too."""
    from memscope_daemon import settings

    rows = [_row(settings.find(name)) for name in settings.SETTINGS]
    file = settings.path()
    for name, near in settings.strangers():
        say(f"{name} in the environment is no setting" + (f"; did you mean {near}?" if near else ""))
    if as_json:
        document = {"schema": SCHEMA, "file": str(file), "file_exists": file.exists(), "settings": rows}
        print_json(document)
        return
    width = max(len(str(row["value"] or "")) for row in rows)
    for row in rows:
        print(f"{row['name']:<14}{row['value'] or 'none':<{width}}  {row['origin']}")
    print(f"file: {file}" + ("" if file.exists() else " (there is none)"))


def _row(found: Any) -> dict[str, object]:
    from memscope_daemon import config

    setting = found.setting
    config.interpreted(found, config.PARSERS[setting.name])
    return {
        "name": setting.name,
        "value": found.text or None,
        "origin": found.origin,
        "variable": setting.variable,
        "flags": setting.flags or None,
        "help": setting.help,
    }
