"""``memscoped man``: the manual page, generated from the parser itself, in roff with the man macros."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import Any

from memscope_daemon import __version__
from memscope_daemon.settings import SETTINGS

EXAMPLES = """\
examples:
  memscoped man > memscoped.1              for a folder man1 of your MANPATH
  memscoped man | man -l -                 read it now
"""
ENVIRONMENT = (
    *(
        (setting.variable, f"{setting.help} (default: {setting.default or 'none'})")
        for setting in SETTINGS.values()
    ),
    ("XDG_RUNTIME_DIR", "the sockets are in its folder memscope"),
    ("NO_COLOR", "no colours in tables and in the live view"),
)
EXITS = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "usage"),
    ("3", "refused: the target is as it was"),
    ("4", "the target ended; the report is of what was seen until then"),
    ("5", "partial: some files could not be written, or memscope left early to keep to --max-overhead"),
    ("130, 143, 129", "after Ctrl-C, SIGTERM, SIGHUP: detached, reported, files written"),
)


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "man",
        help="print the manual page",
        description="Print the manual page in roff.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.main import build_parser

    print(page(build_parser()), end="")
    return 0


def page(parser: argparse.ArgumentParser) -> str:
    """The whole page. Every command with its options, then what they share."""
    return "\n".join(_page(parser)) + "\n"


def _page(parser: argparse.ArgumentParser) -> Iterator[str]:
    name = parser.prog
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in group._choices_actions}
    yield f'.TH {name.upper()} 1 "" "memscope {__version__}" "User Commands"'
    yield from (".SH NAME", rf"{name} \- {_text(_lower_first(parser.description or ''))}")
    yield ".SH SYNOPSIS"
    for command in group.choices:
        yield from (".PP", rf"\fB{name} {_text(command)}\fR [\fIoptions\fR]")
    yield from (".SH DESCRIPTION", _text(parser.description or ""))
    yield ".SH COMMANDS"
    for command, sub in group.choices.items():
        yield from _command(command, helps.get(command, ""), sub)
    yield from _rows("ENVIRONMENT", ENVIRONMENT)
    yield from _rows("EXIT STATUS", EXITS)
    yield from _examples(".SH EXAMPLES", parser.epilog)


def _command(name: str, short: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield rf".SS {_text(name)}"
    yield _text(parser.description or short)
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            yield from (".TP", _head(action), _text(action.help or ""))
    yield from _examples(".PP", parser.epilog)


def _head(action: argparse.Action) -> str:
    """``--out DIR``, or the name of an argument."""
    value = action.metavar or (action.dest.upper() if not action.choices else "")
    shown = str(value) if value else "{" + ",".join(map(str, action.choices or ())) + "}"
    if not action.option_strings:
        return rf"\fI{_text(shown)}\fR"
    names = ", ".join(rf"\fB{_text(option)}\fR" for option in action.option_strings)
    return names if action.nargs == 0 else rf"{names} \fI{_text(shown)}\fR"


def _rows(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f".SH {title}"
    for name, meaning in rows:
        yield from (".TP", rf"\fB{_text(name)}\fR", _text(meaning))


def _examples(opening: str, epilog: str | None) -> Iterator[str]:
    """The examples of an epilog, line by line; what else stands there is said elsewhere on the page."""
    match = re.search(r"examples:\n((?:  .*\n?)+)", epilog or "")
    if match is not None:
        yield opening
        yield ".nf"
        yield from (_text(line) for line in match[1].splitlines())
        yield ".fi"


def _lower_first(text: str) -> str:
    """``A sampling profiler.`` as a line of names has it: ``a sampling profiler``."""
    return text[:1].lower() + text[1:].rstrip(".")


def _text(text: str) -> str:
    """With nothing in it that roff would take for its own: backslashes, hyphens, a leading dot or quote.
    ``%%`` and its like are argparse's."""
    shown = text.replace("%%", "%").replace("\\", r"\e").replace("-", r"\-")
    shown = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in shown)
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown
