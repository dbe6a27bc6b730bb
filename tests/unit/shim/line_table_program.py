"""Run by each interpreter: prints, as JSON, the tables of many code objects and what the interpreter itself
says about the line, and where it can about the columns, of every instruction."""

import dis
import json
import pathlib
import sys
import types

HARD_TO_FOLLOW = """
def hard(a, b):
    total = (
        a
        + b
        + sum(
            x * 2
            for x in range(
                3
            )
        )
    )
    try:
        for _ in range(2):
            total += 1
    except (ValueError,
            TypeError):
        raise
    finally:
        total -= 1
    with open(
        "nothing"
    ) as _:
        pass
    lambda: (
        total
    )
    if a: return b
    else: return [
        i
        for i in (1, 2)
    ]
"""
SOURCES = {
    "hard": HARD_TO_FOLLOW,
    "far": "x = 1\n" + "\n" * 1000 + "y = (\n" + "\n" * 300 + "2)\nz = x\n",
    "dense": "; ".join(f"f({i}, {i + 1})" for i in range(400)),
    "backwards": "f(\n" + "\n" * 200 + "a,\n" + "g(\n1))\n",
}


def codes(root, seen):
    if root not in seen:
        seen.append(root)
        for constant in root.co_consts:
            if isinstance(constant, types.CodeType):
                codes(constant, seen)
    return seen


def lines_of(code):
    """Byte offset of each instruction to its line, None where it has none."""
    if hasattr(code, "co_lines"):
        found = {}
        for begin, end, line in code.co_lines():
            for offset in range(begin, end, 2):
                found[offset] = line
        return found
    starts, found, line = dict(dis.findlinestarts(code)), {}, None
    for offset in range(0, len(code.co_code), 2):
        line = starts.get(offset, line)
        found[offset] = line
    return found


def positions_of(code):
    """Byte offset of each instruction to its lines and its columns, from 0; [] where it cannot say."""
    if not hasattr(code, "co_positions"):
        return []
    return [(2 * at, found) for at, found in enumerate(code.co_positions())]


def modules():
    import argparse
    import asyncio.base_events
    import decimal
    import json.decoder
    import typing

    return [argparse, asyncio.base_events, decimal, json.decoder, typing, dis]


def all_codes():
    seen = []
    for name, source in SOURCES.items():
        codes(compile(source, name, "exec"), seen)
    for module in modules():
        text = pathlib.Path(module.__file__).read_text(encoding="utf-8")
        codes(compile(text, module.__file__, "exec"), seen)
    return seen


def describe(code):
    table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
    return [table.hex(), code.co_firstlineno, sorted(lines_of(code).items()), positions_of(code)]


json.dump([describe(code) for code in all_codes()], sys.stdout)
