"""Where the value of an expression goes, by the syntax tree of its file: what it is bound to in the end, or
that its function hands it on to whoever called.

Nothing is executed and no name is looked up: what a call returns is a question of names alone, so what is
told here is inferred, with a confidence (:class:`~memscope_daemon.model.variables.Confidence`).
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import re
import warnings

from memscope_daemon.model.dictionary import Position
from memscope_daemon.model.variables import Confidence, VariableKind

#: Named so to compile(), whose warnings about it are for those who wrote it.
OF_A_TARGET = "<source of a target>"
warnings.filterwarnings("ignore", module=re.escape(OF_A_TARGET))

HOW_DEEP_MAX = 400  # expressions in one another: beyond that nobody looks for a name
LINE_BYTES_MAX = 4096  # what stands on one line is gone through for each question about it
NAME_MAX = 120  # characters of a target as it is written


class Arrival(enum.Enum):
    """How a value comes to an expression."""

    ALLOCATED = "allocated"  # while the expression was evaluated, in no function below it
    RETURNED = "returned"  # by the function that it called
    YIELDED = "yielded"  # by the generator that it drove


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Of an element in what holds it; None: not known. ``count``: of all elements."""

    index: int | None = None
    count: int | None = None


SOMEWHERE = Place()
Inside = tuple[Place, ...]  # the innermost container first; empty: the value itself


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """What arrives. ``callee``: the name of the function that hands it on."""

    arrival: Arrival = Arrival.ALLOCATED
    inside: Inside = ()
    callee: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """The end of the way. ``line``: of what it is bound to; 0: of no interest."""

    name: str
    kind: VariableKind
    line: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class HandedOn:
    """To the caller, or whoever drives the generator."""

    arrival: Arrival
    inside: Inside


Outcome = Bound | HandedOn
Found = tuple[Outcome, Confidence]

TEMPORARY = Bound("", VariableKind.TEMPORARY)
_MAKERS = frozenset({"bytes", "bytearray"})  # their blocks are their results, and nothing else
#: Where a file may give another meaning to one of these names. A parameter of a call counts too: we are less
#: sure then than we could be.
_REBINDS = re.compile(
    rb"\b(?:def|class|as|import|global|nonlocal|for|del)\s+(?:bytes|bytearray)\b"
    rb"|(?<![:.])(?<!: )\b(?:bytes|bytearray)\s*(?::[^=\n]*)?:?=[^=]"
    rb"|\bdef\s+\w+\s*\((?:[^()]*,)?\s*\*{0,2}(?:bytes|bytearray)\s*[,)=:]"
    rb"|\blambda\b[^:\n]*\b(?:bytes|bytearray)\b|\bimport\s*\*"
)
_BUILTIN = frozenset(vars(builtins))
_STEPS = frozenset({"next", "anext", "__next__", "__anext__", "send", "asend", "throw", "athrow"})
_ENTERS = frozenset({"__enter__", "__aenter__"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_Loop = ast.For | ast.AsyncFor | ast.comprehension
_ALLOCATING = (
    ast.Call,
    ast.BinOp,
    ast.UnaryOp,
    ast.JoinedStr,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.Subscript,
    ast.Attribute,
    ast.Await,
    ast.AugAssign,
    *_COMPREHENSIONS,
)


class Flow:
    """The syntax tree of one file, asked for the way of values.

    :raises SyntaxError, ValueError, RecursionError, MemoryError: it is no Python that we could read.
    """

    def __init__(self, source: bytes) -> None:
        if max(map(len, source.splitlines()), default=0) > LINE_BYTES_MAX:
            raise ValueError("a line that nobody has written by hand")
        self._tree = compile(source, OF_A_TARGET, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        self._makers = frozenset[str]() if _REBINDS.search(source) else _MAKERS
        self._parents: dict[ast.AST, ast.AST] = {}
        self._at: dict[Position, list[ast.AST]] = {}
        self._ends_at: dict[tuple[int, int], list[ast.AST]] = {}
        self._on_line: dict[int, list[ast.AST]] = {}
        self._known_lines: set[int] = set()

    def _look_at(self, line: int) -> None:
        """Takes in what stands on a line, and what that stands in; to go through a whole file takes long."""
        if line in self._known_lines:
            return
        self._known_lines.add(line)
        level: list[ast.AST] = [self._tree]
        while level:  # parents before their children
            both = ((child, node) for node in level for child in ast.iter_child_nodes(node))
            inner = [(child, node) for child, node in both if _reaches(child, line)]
            level = [child for child, _ in inner]
            for child, node in inner:
                if child not in self._parents:
                    self._parents[child] = node
                    self._take_in(child)

    def _take_in(self, node: ast.AST) -> None:
        if (place := _position(node)) is not None:
            self._at.setdefault(place, []).append(node)
            self._ends_at.setdefault((place.end_line, place.end_column), []).append(node)
            self._on_line.setdefault(place.line, []).append(node)

    def follow(self, place: Position, value: Value) -> Found | None:
        """From the instruction at ``place`` on; None: nobody can tell."""
        self._look_at(place.line)
        if place.start_column:
            nodes = self._at.get(place) or self._ending_with(place) or self._in_text(place)
            return self._from_here(nodes[-1], value) if nodes else None
        return self._from_line(place.line, value)

    def _ending_with(self, place: Position) -> list[ast.AST]:
        """A call of a method over several lines is said to begin where the method's name does."""
        nodes = self._ends_at.get((place.end_line, place.end_column), [])
        calls = [node for node in nodes if isinstance(node, ast.Call) and node.lineno < place.line]
        return [node for node in calls if isinstance(node.func, ast.Attribute)]

    def _in_text(self, place: Position) -> list[ast.AST]:
        """A field of an f-string: before 3.12 the parser knows no more than where the string is."""
        nodes = self._on_line.get(place.line, ())
        return [node for node in nodes if isinstance(node, ast.JoinedStr) and _encloses(node, place)]

    def _from_line(self, line: int, value: Value) -> Found | None:
        """Of all expressions that begin there: only if they agree."""
        nodes = [node for node in self._on_line.get(line, ()) if isinstance(node, _ALLOCATING)]
        if value.arrival is not Arrival.ALLOCATED:
            nodes = [node for node in nodes if _is_call_of(node, value.callee)] or nodes
        found = {each[0] for each in (self._from_here(node, value) for node in nodes) if each is not None}
        if len(found) > 1:
            found.discard(TEMPORARY)
        return (found.pop(), Confidence.LOW) if len(found) == 1 else None

    def _from_here(self, node: ast.AST, value: Value) -> Found | None:
        if value.arrival is Arrival.ALLOCATED:
            return self._allocated(node)
        if value.arrival is Arrival.RETURNED:
            return self._returned(node, value)
        return self._yielded(node, value)

    # --- how it arrives --------------------------------------------------------------------------

    def _allocated(self, node: ast.AST) -> Found | None:
        parent = self._parents.get(node)
        match node:
            case ast.AugAssign(target=target):
                return _with(self._bind(target, ()), Confidence.MEDIUM)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                return Bound(name, VariableKind.NAME, node.lineno), Confidence.MEDIUM
            case ast.Subscript(ctx=ast.Store(), value=owner) | ast.Attribute(ctx=ast.Store(), value=owner):
                return _with(_written(owner, ()), Confidence.LOW)  # it grew
            case ast.Name() | ast.Constant():
                if isinstance(parent, _COMPREHENSIONS):
                    return _with(self._ascend(parent, ()), Confidence.MEDIUM)  # it grew by the element
                if isinstance(parent, _Loop):
                    return TEMPORARY, Confidence.MEDIUM  # an iterator
                return None
            case ast.expr():
                sure = self._is_sure(node) and not isinstance(parent, _COMPREHENSIONS)
                return _with(self._ascend(node, ()), Confidence.HIGH if sure else Confidence.MEDIUM)
        return None

    def _is_sure(self, node: ast.expr) -> bool:
        """Whether what is allocated there, and stays, is the value of that very expression."""
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return name in self._makers
            case ast.BinOp(left=ast.Constant(value=str() | bytes()), op=ast.Mult()):
                return True
            case ast.List() | ast.Dict() | ast.Set() | ast.Tuple():
                return True
        return False

    def _returned(self, node: ast.AST, value: Value) -> Found | None:
        callee = _last(value.callee)
        if callee in _ENTERS and (item := self._entered(node)) is not None:
            if item.optional_vars is None:
                return TEMPORARY, Confidence.HIGH
            return _with(self._bind(item.optional_vars, value.inside), Confidence.HIGH)
        match node:
            case ast.Call():
                if _is_call_of(node, callee):
                    return _with(self._ascend(node, value.inside), Confidence.HIGH)
                if isinstance(node.func, ast.Name) and node.func.id in _BUILTIN:
                    return _with(_argument(node, ""), Confidence.MEDIUM)  # sorted(rows, key=callee)
                return _with(self._ascend(node, value.inside), Confidence.LOW)
            case ast.Await():
                sure = isinstance(node.value, ast.Call) and _is_call_of(node.value, callee)
                confidence = Confidence.HIGH if sure else Confidence.MEDIUM
                return _with(self._ascend(node, value.inside), confidence)
            case ast.Attribute(ctx=ast.Load()) | ast.Subscript(ctx=ast.Load()) | ast.BinOp() | ast.UnaryOp():
                return _with(self._ascend(node, value.inside), Confidence.MEDIUM)
        return None

    def _yielded(self, node: ast.AST, value: Value) -> Found | None:
        loop, callee = self._loop_over(node), _last(value.callee)
        if loop is not None and (_is_call_of(loop.iter, callee) or not isinstance(loop.iter, ast.Call)):
            confidence = Confidence.HIGH if _is_call_of(loop.iter, callee) else Confidence.MEDIUM
            return _with(self._bind(loop.target, value.inside), confidence)
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in _STEPS:
                    return _with(self._ascend(node, value.inside), Confidence.HIGH)
                return _with(_argument(node, ""), Confidence.MEDIUM)  # list(callee())
            case ast.YieldFrom():
                return HandedOn(Arrival.YIELDED, value.inside), Confidence.HIGH
            case ast.Await():
                return _with(self._ascend(node, value.inside), Confidence.MEDIUM)
        return None

    def _entered(self, node: ast.AST) -> ast.withitem | None:
        """What is entered at ``node``: the expression itself, or (3.12) the statement, if that enters one."""
        parent = self._parents.get(node)
        if isinstance(parent, ast.withitem) and parent.context_expr is node:
            return parent
        if isinstance(node, ast.With | ast.AsyncWith) and len(node.items) == 1:
            return node.items[0]
        return None

    def _loop_over(self, node: ast.AST) -> _Loop | None:
        """The loop that is driven at ``node``: what it goes over, or (3.12) the loop itself."""
        parent = self._parents.get(node)
        if isinstance(parent, _Loop) and parent.iter is node:
            return parent
        if isinstance(node, ast.For | ast.AsyncFor):
            return node
        if isinstance(node, _COMPREHENSIONS) and len(node.generators) == 1:
            return node.generators[0]
        return None

    # --- up the tree -----------------------------------------------------------------------------

    def _ascend(self, node: ast.AST, inside: Inside) -> Outcome | None:
        """From a value to what takes it."""
        for _ in range(HOW_DEEP_MAX):
            parent = self._parents.get(node)
            if parent is None:
                return None
            step = self._step(node, parent, inside)
            if not isinstance(step, tuple):
                return step
            node, inside = parent, step
        return None

    def _step(self, node: ast.AST, parent: ast.AST, inside: Inside) -> Outcome | Inside | None:
        """What ``parent`` does with the value of ``node``: its end, or where it is in the parent's value."""
        if isinstance(parent, _Loop):
            return self._bind(parent.target, inside[:-1]) if parent.iter is node and inside else TEMPORARY
        if isinstance(parent, ast.stmt | ast.withitem):
            return self._to_statement(node, parent, inside)
        match parent:
            case ast.NamedExpr(target=target):
                return self._bind(target, inside)
            case ast.Await():
                return TEMPORARY  # what is awaited is a coroutine; what comes of it is returned
            case ast.Lambda():
                return HandedOn(Arrival.RETURNED, inside) if parent.body is node else None
            case ast.Yield():
                return HandedOn(Arrival.YIELDED, inside)
            case ast.YieldFrom():
                return HandedOn(Arrival.YIELDED, inside[:-1]) if inside else TEMPORARY
            case ast.IfExp(test=test):
                return TEMPORARY if test is node else inside
            case ast.BoolOp():
                return inside
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return (*_starred(node, inside), _place(node, elements))
            case ast.Dict() | ast.DictComp() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return (*inside, SOMEWHERE)
            case ast.Starred():
                return inside
            case ast.keyword(arg=name):
                call = self._parents.get(parent)
                return _argument(call, name or "") if isinstance(call, ast.Call) else None
            case ast.Call(func=function):
                return TEMPORARY if function is node else _argument(parent, "")
            case ast.JoinedStr(values=[_]) | ast.FormattedValue():
                return inside if isinstance(node, ast.FormattedValue) else TEMPORARY
            case ast.BinOp():
                return (*inside[:-1], SOMEWHERE) if inside else TEMPORARY
            case ast.expr():
                return TEMPORARY
        return None

    def _to_statement(self, node: ast.AST, parent: ast.AST, inside: Inside) -> Outcome | None:
        match parent:
            case ast.Assign(targets=[target, *_], value=value) if value is node:
                return self._bind(target, inside)
            case ast.AnnAssign(target=target, value=value) if value is node:
                return self._bind(target, inside)
            case ast.AugAssign(target=target, value=value) if value is node:
                return self._bind(target, inside) if inside else TEMPORARY
            case ast.Return():
                return HandedOn(Arrival.RETURNED, inside)
            case (
                ast.Expr()
                | ast.If()
                | ast.While()
                | ast.Assert()
                | ast.Raise()
                | ast.withitem()
                | ast.Delete()
            ):
                return TEMPORARY
        return None

    def _bind(self, target: ast.AST, inside: Inside) -> Outcome | None:
        match target:
            case ast.Starred(value=rest):
                return self._bind(rest, (*inside, SOMEWHERE))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                if not inside:
                    return TEMPORARY  # it is taken apart
                chosen = _choose(targets, inside[-1])
                return self._bind(chosen, inside[:-1]) if chosen is not None else None
        return _written(target, inside)


def _choose(targets: list[ast.expr], place: Place) -> ast.expr | None:
    """Which of the targets gets the element at that place."""
    starred = next((at for at, each in enumerate(targets) if isinstance(each, ast.Starred)), None)
    if place.index is None:
        return None
    if starred is None or place.index < starred:
        return targets[place.index] if place.index < len(targets) else None
    if place.count is None:
        return None
    behind = len(targets) - starred - 1
    from_end = place.count - place.index
    return targets[-from_end] if from_end <= behind else targets[starred]


def _place(node: ast.AST, elements: list[ast.expr]) -> Place:
    """Of a node among elements; not known behind a starred one."""
    if isinstance(node, ast.Starred):
        return SOMEWHERE
    at = next(index for index, each in enumerate(elements) if each is node)
    starred = [index for index, each in enumerate(elements) if isinstance(each, ast.Starred)]
    if starred and starred[0] < at:
        return SOMEWHERE
    return Place(at, None if starred else len(elements))


def _starred(node: ast.AST, inside: Inside) -> Inside:
    """The elements of what is starred are those of what it stands in."""
    return inside[:-1] if isinstance(node, ast.Starred) else inside


def _written(target: ast.AST, inside: Inside) -> Bound | None:
    kinds = {
        ast.Name: VariableKind.NAME,
        ast.Attribute: VariableKind.ATTRIBUTE,
        ast.Subscript: VariableKind.ITEM,
    }
    kind = VariableKind.ELEMENT if inside else kinds.get(type(target))
    text = _text(target)
    if kind is None or text is None:
        return None
    return Bound(text + "[]" * len(inside), kind, getattr(target, "lineno", 0))


def _argument(call: ast.Call, keyword: str) -> Bound | None:
    text = _text(call.func)
    return Bound(f"{text}({keyword})", VariableKind.ARGUMENT, call.lineno) if text else None


def _text(node: ast.AST) -> str | None:
    """As it is written, on one line; None: too long to be a name, or too deep."""
    try:
        text = ast.unparse(node)
    except RecursionError:
        return None
    return text if len(text) <= NAME_MAX and "\n" not in text else None


def _is_call_of(node: ast.AST, function: str) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name == _last(function)
        case ast.Call(func=ast.Lambda()):
            return _last(function) == "<lambda>"
    return False


def _last(function: str) -> str:
    """``method`` of ``Class.method``."""
    return function.rpartition(".")[2]


def _with(outcome: Outcome | None, confidence: Confidence) -> Found | None:
    return None if outcome is None else (outcome, confidence)


def _reaches(node: ast.AST, line: int) -> bool:
    """Whether any of it stands on that line. Some nodes do not say where they are."""
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if first is None or last is None:
        return True
    decorators = getattr(node, "decorator_list", ())
    return bool(min([first, *(each.lineno for each in decorators)]) <= line <= last)


def _encloses(node: ast.expr, place: Position) -> bool:
    begins = (node.lineno, node.col_offset + 1) <= (place.line, place.start_column)
    ends = (node.end_lineno or 0, (node.end_col_offset or 0) + 1)
    return begins and (place.end_line, place.end_column) <= ends


def _position(node: ast.AST) -> Position | None:
    if not isinstance(node, ast.expr | ast.stmt) or node.end_lineno is None or node.end_col_offset is None:
        return None
    return Position(node.lineno, node.end_lineno, node.col_offset + 1, node.end_col_offset + 1)
