"""The corpus of assignments (tests/corpora), run under an interpreter and held against what we infer of it."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from memscope_client import Sampling
from memscope_daemon.metadata.flow import Flow
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.metadata.variables import frames_of, infer
from memscope_daemon.model.columns import EventKind
from memscope_daemon.model.sampling import SamplingMode
from memscope_daemon.model.variables import Confidence, Variable
from memscope_daemon.store import questions
from memscope_daemon.store.capture import Capture
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter
from tests.support.samples import opened
from tests.support.targets import Target

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "assignments"
#: The seed of the generated half: the id of the commit that brought the grammar.
SEED = int("ad69e776", 16)
MARK = re.compile(r"#: (.*)$")
#: Bytes of a block besides the text: of bytes, of the buffer of a bytearray, of str before 3.12 and since.
HEADS = (33, 1, 49, 41)
NOTHING = "-"


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A site of the corpus: what it says, and what we say. ``said`` None: nothing."""

    line: int
    length: int
    truth: str
    said: Variable | None

    @property
    def is_right(self) -> bool:
        return self.said is not None and self.said.name == ("" if self.truth == NOTHING else written(self.truth))

    @property
    def is_wrong_though_sure(self) -> bool:
        return self.said is not None and self.said.confidence is Confidence.HIGH and not self.is_right


def written(name: str) -> str:
    """As ``ast.unparse`` writes it, in front of what it is an element of."""
    target = name
    while target.endswith("[]"):
        target = target[:-2]
    try:
        return ast.unparse(ast.parse(target)) + name[len(target) :]
    except SyntaxError:  # an argument by its name
        return name


def programs(folder: Path) -> dict[str, Path]:
    """Both halves, as files."""
    made = folder / "by_grammar.py"
    script = str(CORPUS / "grammar.py")
    with made.open("wb") as output:
        subprocess.run([sys.executable, script, str(SEED)], stdout=output, check=True)
    return {"by hand": CORPUS / "by_hand.py", "by grammar": made}


def truths(program: Path) -> Iterator[tuple[int, int, str]]:
    """Line, length and name of each site."""
    for number, line in enumerate(program.read_text().splitlines(), 1):
        if found := MARK.search(line):
            for one in found[1].split("; "):
                length, _, name = one.partition(" ")
                yield number, int(length), name


def judge(daemon: Serving, interpreter: Interpreter, program: Path) -> list[Judged]:
    """Runs the program while every allocation of it is recorded."""
    with Target(interpreter, "corpus", str(program), shows=[program.parent]) as target:
        session = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=64)).result()
        assert target.ask("run") == "done"
        ended = daemon.detach(session)
    with opened(ended.store_path) as copy:
        path = copy.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone()[0]
        copy.close()
        with contextlib.closing(Capture.open(Path(path))) as capture:
            tables = Tables(SamplingMode.RATE)
            tables.add(questions.dictionary(capture))
            made = capture.rows(
                f"SELECT size_bytes, stack_id FROM events WHERE kind <> {int(EventKind.FREE)} ORDER BY rowid"
            )
    flow = Flow(program.read_bytes())
    known: dict[str, Flow] = {str(program): flow}

    def flow_of(file: str) -> Flow | None:
        if file not in known and Path(file).is_file():
            known[file] = Flow(Path(file).read_bytes())
        return known.get(file)

    lines = {
        stack: {one.line for one in tables.outermost_first(stack) if one.file == str(program)}
        for stack in tables.stacks
    }
    found = []
    for line, length, name in truths(program):
        stacks = next(filter(None, ([stack for size, stack in made if size == length + head and line in lines.get(stack, ())] for head in HEADS)), [])
        import os
        if str(length) == os.environ.get("SHOW"): print(length, stacks, [frames_of(tables, x) for x in stacks])
        found.append(Judged(line, length, name, infer(frames_of(tables, stacks[-1]), flow_of) if stacks else None))
        if not stacks: print("no block", line, length, name)
    return found
