"""``memscoped inspect PID``: what each thread of a process is at, read by py-spy without stopping it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from memscope_daemon.cli.arguments import add_pid, seconds
from memscope_daemon.cli.output import print_json
from memscope_daemon.errors import ExitCode

SCHEMA = "memscope.inspect/1"
TIMEOUT_S = 10.0
EXAMPLES = """\
examples:
  memscoped inspect 4242          the stacks of all threads, innermost frame first
  memscoped inspect 4242 --json   the same for a script; exit code 3 = it cannot be read, and why
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect",
        help="show the stacks of all threads",
        description="Show the stack of each thread of a process. The process is not stopped meanwhile, so a"
        " stack may mix two moments; no values are read.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pid(parser)
    parser.add_argument("--json", action="store_true", help="the stacks as JSON on standard output")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        default=TIMEOUT_S,
        help=f"give up after S seconds ({TIMEOUT_S:g})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.attach.host import require_supported
    from memscope_daemon.attach.target import program_of
    from memscope_daemon.metadata import py_spy

    require_supported()
    try:
        threads = [thread_of(row) for row in py_spy.dump(args.pid, timeout_s=args.timeout)]
    except py_spy.NotRead as refusal:
        if not args.json:
            raise
        answer = {"code": refusal.code, "message": refusal.message, "next_step": refusal.next_step}
        print_json({"schema": SCHEMA, "ok": False, "pid": args.pid, **answer})
        return refusal.exit_code
    if args.json:
        head = {"schema": SCHEMA, "ok": True, "pid": args.pid, "program": program_of(args.pid)}
        print_json({**head, "threads": threads})
    else:
        print("\n".join(_lines(args.pid, program_of(args.pid), threads)))
    return int(ExitCode.DONE)


def thread_of(row: Any) -> dict[str, Any]:
    """One thread of py-spy's answer under names of ours; what is missing or of another kind is null."""
    row = row if isinstance(row, dict) else {}
    frames = row.get("frames")
    return {
        "native_id": _typed(row.get("os_thread_id"), int),
        "name": _typed(row.get("thread_name"), str),
        "is_active": _typed(row.get("active"), bool),
        "owns_gil": _typed(row.get("owns_gil"), bool),
        "frames": [_frame(frame) for frame in frames if isinstance(frame, dict)]
        if isinstance(frames, list)
        else [],
    }


def _frame(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "function": _typed(row.get("name"), str),
        "file": _typed(row.get("filename"), str),
        "line": _typed(row.get("line"), int) or None,
    }


def _typed(value: Any, kind: type) -> Any:
    return value if isinstance(value, kind) else None


def _lines(pid: int, program: str, threads: list[dict[str, Any]]) -> Iterator[str]:
    from memscope_daemon.cli.text import printable

    count = f"{len(threads)} thread{'s' if len(threads) != 1 else ''}"
    yield printable(f"{program or 'process'} · pid {pid} · {count} · read without stopping it")
    for thread in threads:
        state = "running" if thread["is_active"] else "waiting"
        gil = ", holds the GIL" if thread["owns_gil"] else ""
        yield ""
        yield printable(f"thread {thread['native_id'] or '?'} {thread['name'] or '(no name)'}: {state}{gil}")
        for frame in thread["frames"]:
            yield printable(f"    {frame['function'] or '?'} ({frame['file'] or '?'}:{frame['line'] or '?'})")
