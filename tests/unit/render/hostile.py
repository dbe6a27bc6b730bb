"""Names that try to be more than names, and a session made of them."""

from __future__ import annotations

from memscope_daemon.model.report import Report
from memscope_daemon.model.stacks import Amount, Frame, Origin, StackFigures
from memscope_daemon.query.report import report
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import events

NAMES = (
    "</script><script>window.hacked = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.hacked = 1'>",
    "]]>&amp;\"'`${window.hacked = 1}",
    "\u2028\u2029\r\n\t\\",
    "{{script}}{{data}}",
    "nul\x00 bell\x07 lone\udc80 noncharacter\uffff",
    "été \N{SNOWMAN} \N{GRINNING FACE} \u202eright-to-left",
    "__proto__",
    "constructor",
)


def hostile_report() -> Report:
    """One site for each name; sizes are odd primes."""
    count = len(NAMES)
    made = evidence(events(size_bytes=[104_729] * count, stack_id=range(1, count + 1)), sites=count)
    for index, name in enumerate(NAMES, 1):
        made.tables.strings[2 * index + 1] = name
        made.tables.strings[2 * index + 2] = f"/srv/{name}.py"
    return report(made)


def hostile_stacks() -> tuple[StackFigures, ...]:
    amount = Amount(104_729.0, 0.0, 1)
    count = Amount(1.0, 0.0, 1)
    main = Frame("main", "/srv/main.py", 1, Origin.USER)
    return tuple(
        StackFigures(
            (main, Frame(name, f"/srv/{name}.py", index, Origin.USER)), amount, count, amount, count, amount
        )
        for index, name in enumerate(NAMES, 1)
    )
