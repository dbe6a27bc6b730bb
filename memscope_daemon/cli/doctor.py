"""``memscoped doctor [PID]``: what this host and a process allow, and what to do about each no."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from memscope_daemon.cli.arguments import positive_pid
from memscope_daemon.cli.output import print_json
from memscope_daemon.errors import ExitCode
from memscope_daemon.model.diagnosis import Finding

SCHEMA = "memscope.doctor/1"
EXAMPLES = """\
examples:
  memscoped doctor              whether this machine lets memscope attach
  memscoped doctor 4242         whether it could attach to process 4242, which stays untouched
  memscoped doctor 4242 --json  the same for a script; exit code 0 = it could, 3 = it would be refused
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="say whether an attach would work",
        description="Look at this host, and at a process without stopping it; say what is in the way.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pid", metavar="PID", type=positive_pid, nargs="?", help="the process to look at")
    parser.add_argument("--json", action="store_true", help="the findings as JSON on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from memscope_daemon.attach.host import SHIM_PATH, collect_host, judge

    host = judge(collect_host(SHIM_PATH))
    process = _process(args.pid) if args.pid is not None and host[0].ok else ()
    if args.json:
        _print_json(args.pid, host, process)
    else:
        _print_text(args.pid, host, process)
    return int(ExitCode.DONE if all(one.ok for one in (*host, *process)) else ExitCode.REFUSED)


def _process(pid: int) -> tuple[Finding, ...]:
    from memscope_daemon.attach import diagnosis, target
    from memscope_daemon.attach.host import SHIM_PATH

    return diagnosis.diagnose(target.collect(pid, SHIM_PATH))


def _print_json(pid: int | None, host: Sequence[Finding], process: Sequence[Finding]) -> None:
    def rows(findings: Sequence[Finding]) -> list[dict[str, object]]:
        names = ("topic", "ok", "text", "code", "next_step")
        return [{name: getattr(one, name) for name in names} for one in findings]

    ok = all(one.ok for one in (*host, *process))
    document = {"schema": SCHEMA, "ok": ok, "host": rows(host), "pid": pid, "process": rows(process)}
    print_json(document)


def _print_text(pid: int | None, host: Sequence[Finding], process: Sequence[Finding]) -> None:
    _print_part("this host", host)
    if pid is not None:
        _print_part(f"process {pid}", process)
    bad = sum(not one.ok for one in (*host, *process))
    whom = f"process {pid}" if pid is not None else "processes here"
    print(
        f"memscope can attach to {whom}" if not bad else f"memscope cannot attach to {whom}: {bad} in the way"
    )


def _print_part(title: str, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    print(title)
    width = max(len(one.topic) for one in findings)
    for one in findings:
        print(f"  {'yes' if one.ok else 'NO':<4} {one.topic:<{width}}  {one.text}")
        if not one.ok:
            print(f"  {'':<{width + 5}}  what to do: {one.next_step}  [{one.code}]")
