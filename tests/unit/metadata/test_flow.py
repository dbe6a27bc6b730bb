from __future__ import annotations

import ast
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscope_daemon.metadata.flow import Arrival, Bound, Flow, HandedOn, Place, Value
from memscope_daemon.model.dictionary import Position
from memscope_daemon.model.variables import Confidence, VariableKind

HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


def place_of(source: str, text: str) -> Position:
    """Of the expression that is written so, and stands there once."""
    before, found, _ = source.partition(text)
    assert found, text
    line = before.count("\n") + 1
    column = len(before.rpartition("\n")[2].encode()) + 1
    return Position(
        line, line + text.count("\n"), column, len((before + text).rpartition("\n")[2].encode()) + 1
    )


def said(source: str, text: str, value: Value = Value()) -> tuple[str, str, Confidence] | None:  # noqa: B008
    found = Flow(source.encode()).follow(place_of(source, text), value)
    if found is None:
        return None
    outcome, confidence = found
    if isinstance(outcome, HandedOn):
        return f"{outcome.arrival.value} {[each.index for each in outcome.inside]}", "", confidence
    return outcome.name, outcome.kind.value, confidence


@pytest.mark.parametrize(
    ("source", "name", "kind"),
    [
        ("kept = B", "kept", "name"),
        ("kept: object = B", "kept", "name"),
        ("ä = B", "ä", "name"),
        ("first = second = B", "first", "name"),
        ("self.cache = B", "self.cache", "attribute"),
        ("table['a', 1] = B", "table['a', 1]", "item"),
        ("rows = [1, B]", "rows[]", "element"),
        ("rows = {'a': [B]}", "rows[][]", "element"),
        ("first, second = 1, B", "second", "name"),
        ("(a, b), *rest, c = (1, 2), B, 3, 4", "rest[]", "element"),
        ("(a, b), *rest, c = (1, 2), 3, 4, B", "c", "name"),
        ("[self.a, (b, c)] = 1, (2, B)", "c", "name"),
        ("for row in [B]: pass", "row", "name"),
        ("for at, row in [(1, B)]: pass", "row", "name"),
        ("rows += [B]", "rows[]", "element"),
        ("total += B", "", "temporary"),
        ("take(B)", "take()", "argument"),
        ("self.queue.put(1, item=B)", "self.queue.put(item)", "argument"),
        ("take(*[B])", "take()", "argument"),
        ("kept = take(B)", "take()", "argument"),
        ("if (chunk := B): pass", "chunk", "name"),
        ("kept = (inner := B)", "inner", "name"),
        ("kept = B or other", "kept", "name"),
        ("kept = B if yes else None", "kept", "name"),
        ("kept = yes if B else None", "", "temporary"),
        ("kept = (B)[1:]", "", "temporary"),
        ("kept = not B", "", "temporary"),
        ("kept = B == other", "", "temporary"),
        ("if B: pass", "", "temporary"),
        ("B", "", "temporary"),
        ("raise E(B)", "E()", "argument"),
    ],
)
def test_where_a_block_goes(source: str, name: str, kind: str) -> None:
    for block in ("bytes(9)", "b'x' * 9", "[0]"):
        assert said(source.replace("B", block), block) == (name, kind, HIGH), block


def test_a_way_that_ends_in_another_function() -> None:
    assert said("def f():\n    return bytes(1), bytes(2)", "bytes(2)") == ("returned [1]", "", HIGH)
    assert said("def f():\n    yield bytes(2)", "bytes(2)") == ("yielded []", "", HIGH)
    assert said("f = lambda: bytes(2)", "bytes(2)") == ("returned []", "", HIGH)
    assert said("def f():\n    yield from [bytes(2)]", "bytes(2)") == ("yielded []", "", HIGH)


def test_what_a_call_is_handed() -> None:
    returned = Value(Arrival.RETURNED, (), "Shop.made")
    assert said("kept = made(1)", "made(1)", returned) == ("kept", "name", HIGH)
    assert said("kept = self.made(1)", "self.made(1)", returned) == ("kept", "name", HIGH)
    assert said("kept = maker(1)", "maker(1)", returned) == ("kept", "name", LOW)
    assert said("kept = sorted(rows, key=made)", "sorted(rows, key=made)", returned) == (
        "sorted()",
        "argument",
        MEDIUM,
    )
    assert said("made(1)", "made(1)", returned) == ("", "temporary", HIGH)
    second = Value(Arrival.RETURNED, (Place(1, 2),), "made")
    assert said("here, there = made()", "made()", second) == ("there", "name", HIGH)
    assert said("both = made()", "made()", second) == ("both[]", "element", HIGH)
    entered = Value(Arrival.RETURNED, (), "Lends.__enter__")
    assert said("with lend() as it: pass", "lend()", entered) == ("it", "name", HIGH)
    assert said("with lend(): pass", "lend()", entered) == ("", "temporary", HIGH)
    assert said("async def f():\n    x = await made()", "await made()", returned) == ("x", "name", HIGH)
    assert said("kept = box.made", "box.made", returned) == ("kept", "name", MEDIUM)


def test_what_a_generator_hands_over() -> None:
    yielded = Value(Arrival.YIELDED, (), "pieces")
    assert said("for each in pieces(): pass", "pieces()", yielded) == ("each", "name", HIGH)
    assert said("for each in pieces(): pass", "for each in pieces(): pass", yielded) == ("each", "name", HIGH)
    assert said("for each in it: pass", "it", yielded) == ("each", "name", MEDIUM)
    assert said("kept = next(it)", "next(it)", yielded) == ("kept", "name", HIGH)
    assert said("kept = list(pieces())", "list(pieces())", yielded) == ("list()", "argument", MEDIUM)
    assert said("for a, b in zip(pieces(), x): pass", "zip(pieces(), x)", yielded) == (
        "zip()",
        "argument",
        MEDIUM,
    )


@pytest.mark.parametrize(
    "line",
    [
        "from elsewhere import *",
        "import numpy as bytes",
        "bytes = len",
        "def f(one, bytes): pass",
        "def bytes(): pass",
        "f = lambda bytes: 1",
        "for bytes in rows: pass",
    ],
)
def test_nobody_is_sure_of_a_name_that_may_mean_something_else(line: str) -> None:
    assert said(f"{line}\nkept = bytes(9)", "bytes(9)") == ("kept", "name", MEDIUM)


def test_a_call_of_anything_may_have_allocated_what_is_in_its_value() -> None:
    assert said("kept = json.loads(text)", "json.loads(text)") == ("kept", "name", MEDIUM)
    assert said("rows = [bytes(9) for x in y]", "bytes(9)") == ("rows[]", "element", MEDIUM)


def test_what_grows_is_named() -> None:
    assert said("table[key] = 1", "table[key]") == ("table", "name", LOW)
    assert said("rows = [x for x in y]", "x") == ("rows", "name", MEDIUM)


def test_a_method_over_several_lines_begins_where_its_name_does() -> None:
    source = "kept = (\n    text\n    .encode('utf-16')\n)"
    found = Flow(source.encode()).follow(Position(3, 3, 6, 22), Value())
    assert found == (Bound("kept", VariableKind.NAME, 1), MEDIUM)


def test_decorated_functions_are_looked_into() -> None:
    source = "@cached(bytes(7))\ndef f():\n    kept = bytes(9)"
    assert said(source, "bytes(9)") == ("kept", "name", HIGH)
    assert said(source, "bytes(7)") == ("cached()", "argument", HIGH)


def test_a_line_alone_tells_only_where_all_agree() -> None:
    def by_line(source: str) -> object:
        found = Flow(source.encode()).follow(Position(1), Value())
        return found and (found[0], found[1])

    assert by_line("kept = bytes(9)") == (Bound("kept", VariableKind.NAME, 1), LOW)
    assert by_line("kept = len(bytes(9))") is None
    assert by_line("pass") is None


@pytest.mark.parametrize(
    "source",
    [
        b"a" + b".b" * 2000,
        b"-" * 4000 + b"1",
        b"(" * 2000 + b")" * 2000,
        b"not " * 1000 + b"x",
        b"a\0b",
        b"\xff\xfe",
        b"# coding: rot13\nx = 1",
        b"x = [" + b"1, " * 3000 + b"]",
        b"def f(:",
    ],
)
def test_what_is_no_source_is_refused(source: bytes) -> None:
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        Flow(source).follow(Position(1, 1, 1, 2), Value())


@given(st.binary(max_size=200), st.tuples(*[st.integers(0, 2**31 - 1)] * 4), st.sampled_from(Arrival))
def test_any_bytes_and_any_place_are_borne(source: bytes, place: tuple[int, ...], arrival: Arrival) -> None:
    try:
        flow = Flow(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    flow.follow(Position(*place), Value(arrival, (Place(0, 2),), "f"))


def test_every_place_of_a_real_module_is_borne() -> None:
    source = ast.__file__
    with open(source, "rb") as file:  # noqa: PTH123
        text = file.read()
    flow, told = Flow(text), 0
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.expr):
            place = Position(
                node.lineno, node.end_lineno or 0, node.col_offset + 1, (node.end_col_offset or 0) + 1
            )
            for arrival in Arrival:
                told += flow.follow(place, Value(arrival, (), "visit")) is not None
    assert told > 4000
