"""The corpus of assignments (tests/corpora), run by an interpreter and held against what we infer of it."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from memscope_client import Sampling
from memscope_daemon.metadata.flow import Flow
from memscope_daemon.metadata.variables import infer
from memscope_daemon.model.dictionary import FrameNames, Position
from memscope_daemon.model.variables import Confidence, Frames, Variable
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter
from tests.support.samples import FREE, opened
from tests.support.targets import Target

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "assignments"
#: The seed of the generated half: the id of the commit that brought the grammar.
SEED = int("ad69e776", 16)
MARK = re.compile(r"#: (.*)$")
#: Bytes of a block besides its text: of bytes, of the buffer of a bytearray, of str before 3.12 and since.
HEADS = (33, 1, 49, 41)
NOTHING = "-"
STACKS = f"""
SELECT e.size_bytes, e.stack_id, s.position, f.text, g.text, frames.line, end_line, start_column, end_column
FROM (SELECT min(rowid) AS at, size_bytes, stack_id FROM events WHERE kind <> {FREE} AND size_bytes > 5000
      GROUP BY ALL) e
JOIN stack_frames s USING (stack_id) JOIN frames USING (frame_id)
JOIN strings f ON f.string_id = function_string_id JOIN strings g ON g.string_id = file_string_id
ORDER BY e.at, s.position
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A site of the corpus: what it says, and what we say. ``said`` None: nothing."""

    line: int
    length: int
    truth: str
    said: Variable | None

    @property
    def is_right(self) -> bool:
        return self.said is not None and self.said.name == _as_unparsed(self.truth)

    @property
    def is_wrong_though_sure(self) -> bool:
        return self.said is not None and self.said.confidence is Confidence.HIGH and not self.is_right


def programs(folder: Path) -> dict[str, Path]:
    """Both halves, as files."""
    made = folder / "by_grammar.py"
    with made.open("wb") as output:
        subprocess.run([sys.executable, str(CORPUS / "grammar.py"), str(SEED)], stdout=output, check=True)
    return {"by hand": CORPUS / "by_hand.py", "by grammar": made}


def judge(daemon: Serving, interpreter: Interpreter, program: Path) -> list[Judged]:
    """Runs the program while every allocation of it is recorded."""
    with Target(interpreter, "corpus", str(program), shows=[program.parent]) as target:
        session = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=64), history="unbounded").result()
        assert target.ask("run") == "done"
        ended = daemon.detach(session)
    made = list(_made(ended.store_path))
    return [
        Judged(line, length, truth, _said(made, str(program), line, length))
        for line, length, truth in _truths(program)
    ]


def told(judged: Sequence[Judged]) -> str:
    """For whoever reads the figures."""
    right, silent = sum(one.is_right for one in judged), sum(one.said is None for one in judged)
    sure = [one for one in judged if one.said is not None and one.said.confidence is Confidence.HIGH]
    wrong = sum(one.is_wrong_though_sure for one in judged)
    return (
        f"{right} of {len(judged)} names right ({right / len(judged):.1%}), {silent} not told;"
        f" {len(sure)} told with confidence high, {wrong} of them wrong"
    )


def _truths(program: Path) -> Iterator[tuple[int, int, str]]:
    """Line, length and name of each site."""
    for number, line in enumerate(program.read_text().splitlines(), 1):
        if found := MARK.search(line):
            for one in found[1].split("; "):
                length, _, name = one.partition(" ")
                yield number, int(length), name


def _made(store_path: str) -> Iterator[tuple[int, Frames]]:
    """Sizes of blocks, and the stacks that they came from."""
    with opened(store_path) as connection:
        rows = connection.execute(STACKS).fetchall()
    stacks: dict[tuple[int, int], list[tuple[FrameNames, Position]]] = {}
    for size, stack, _, function, file, line, *rest in rows:
        frame = FrameNames(function, file, line), Position(line, *rest)
        stacks.setdefault((size, stack), []).append(frame)
    for (size, _), frames in stacks.items():
        yield size, tuple(frames)


def _said(made: Sequence[tuple[int, Frames]], program: str, line: int, length: int) -> Variable | None:
    for head in HEADS:
        for size, frames in made:
            if size == length + head and any((one.file, one.line) == (program, line) for one, _ in frames):
                return infer(frames, _flow_of)
    raise AssertionError(f"{program}:{line}: no block of {length} bytes was seen")


@functools.cache
def _flow_of(file: str) -> Flow | None:
    return Flow(Path(file).read_bytes()) if Path(file).is_file() else None


def _as_unparsed(truth: str) -> str:
    """As ``ast.unparse`` writes it, with the marks of an element behind it."""
    target = truth
    while target.endswith("[]"):
        target = target[:-2]
    if truth == NOTHING:
        return ""
    try:
        return ast.unparse(ast.parse(target)) + truth[len(target) :]
    except SyntaxError:  # an argument by its name
        return truth
