"""``memscoped completion bash|zsh|fish``: completion scripts, generated from the parser itself."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

from memscope_daemon.render.formats import FORMATS

EXAMPLES = """\
examples:
  eval "$(memscoped completion bash)"
  memscoped completion zsh > "${fpath[1]}/_memscoped"
  memscoped completion fish > ~/.config/fish/completions/memscoped.fish
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "completion",
        help="print a shell completion script",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=sorted(WRITERS))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.cli.main import build_parser

    print(WRITERS[args.shell](describe(build_parser())), end="")
    return 0


#: How the value of an option is called that is a path, and what may stand in a list.
PATHS = ("DIR", "FILE", "DIR|FILE")
WORDS = {"FORMATS": tuple(FORMATS)}


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    name: str
    help: str
    choices: tuple[str, ...] = ()
    takes_value: bool = False
    is_folder: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]  # what may stand in the command's own argument; empty with takes_pid
    takes_pid: bool


def describe(parser: argparse.ArgumentParser) -> tuple[Command, ...]:
    """The commands of the parser with their options: all that a completion script needs."""
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in group._choices_actions}
    return tuple(_command(name, helps.get(name, ""), sub) for name, sub in group.choices.items())


def _command(name: str, text: str, parser: argparse.ArgumentParser) -> Command:
    positionals = [action for action in parser._actions if not action.option_strings]
    return Command(
        name,
        text,
        tuple(_option(action) for action in parser._actions if action.option_strings),
        tuple(str(choice) for action in positionals for choice in action.choices or ()),
        any("PID" in str(action.metavar) for action in positionals),
    )


def _option(action: argparse.Action) -> Option:
    return Option(
        action.option_strings[-1],
        (action.help or "").replace("'", "").replace("[", "(").replace("]", ")"),
        tuple(str(choice) for choice in action.choices or WORDS.get(str(action.metavar), ())),
        action.nargs != 0,
        str(action.metavar) in PATHS,
    )


PIDS = "ps -e -o pid= -o comm= 2>/dev/null"


def bash(commands: tuple[Command, ...]) -> str:
    names = " ".join(command.name for command in commands)
    cases = "\n".join(_bash_case(command) for command in commands)
    return f"""\
_memscoped() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{names} --help --version" -- "$word"))
        return
    fi
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
}}
complete -F _memscoped memscoped
"""


def _bash_case(command: Command) -> str:
    lines = [f"    {command.name})", "        case $before in"]
    for option in command.options:
        if option.choices:
            words = " ".join(option.choices)
            lines.append(f'        {option.name}) COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;')
        elif option.is_folder:
            lines.append(f'        {option.name}) COMPREPLY=($(compgen -d -- "$word")); return ;;')
        elif option.takes_value:
            lines.append(f"        {option.name}) return ;;")
    words = " ".join([*(option.name for option in command.options), *command.words])
    pids = f" $({PIDS} | awk '{{print $1}}')" if command.takes_pid else ""
    lines += ["        esac", f'        COMPREPLY=($(compgen -W "{words}{pids}" -- "$word")) ;;']
    return "\n".join(lines)


def zsh(commands: tuple[Command, ...]) -> str:
    names = " ".join(f"'{command.name}:{command.help}'" for command in commands)
    cases = "\n".join(_zsh_case(command) for command in commands)
    return f"""\
#compdef memscoped
_memscoped() {{
    local -a commands
    commands=({names})
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}}
if [ "$funcstack[1]" = _memscoped ]; then _memscoped "$@"; else compdef _memscoped memscoped; fi
"""


def _zsh_case(command: Command) -> str:
    lines = [f"    {command.name}) _arguments"]
    for option in command.options:
        lines.append(f"        '{option.name}[{option.help}]{_zsh_value(option)}'")
    if command.takes_pid:
        lines.append("        '1:process:_pids'")
    if command.words:
        lines.append(f"        '1:choice:({' '.join(command.words)})'")
    return " \\\n".join(lines) + " ;;"


def _zsh_value(option: Option) -> str:
    if option.choices:
        return f":value:({' '.join(option.choices)})"
    if option.is_folder:
        return ":folder:_files -/"
    return ":value:" if option.takes_value else ""


def fish(commands: tuple[Command, ...]) -> str:
    lines = ["complete -c memscoped -f"]
    for command in commands:
        lines.append(f"complete -c memscoped -n __fish_use_subcommand -a {command.name} -d '{command.help}'")
        when = f"complete -c memscoped -n '__fish_seen_subcommand_from {command.name}'"
        lines += [_fish_option(when, option) for option in command.options]
        if command.takes_pid:
            lines.append(f"{when} -a '(__fish_complete_pids)'")
        if command.words:
            lines.append(f"{when} -a '{' '.join(command.words)}'")
    return "\n".join(lines) + "\n"


def _fish_option(when: str, option: Option) -> str:
    value = " -x" if option.takes_value else ""
    if option.choices:
        value += f" -a '{' '.join(option.choices)}'"
    if option.is_folder:
        value = " -r -F"
    return f"{when} -l {option.name.lstrip('-')}{value} -d '{option.help}'"


WRITERS: dict[str, Callable[[tuple[Command, ...]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
