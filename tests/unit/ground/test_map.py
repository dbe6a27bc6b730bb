"""The map leads somewhere, and the ground is what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_daemon.cli.completion import describe
from memscope_daemon.cli.main import build_parser

ROOT = Path(__file__).parents[3]
MODULES = (
    *(
        "core",
        "allocator",
        "error",
        "scope_tracker",
        "tracker",
        "capture",
        "event_store",
        "metadata",
        "snapshot",
    ),
    *("query", "analysis", "timeline", "render", "facade"),
)


def table_rows() -> list[list[str]]:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = text.split("## Where the modules of the design documents live", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_module_of_the_design_documents_has_its_row() -> None:
    named = " ".join(row[0] for row in table_rows())
    assert [module for module in MODULES if module not in named] == []


def test_every_path_of_the_table_exists() -> None:
    paths = [path for row in table_rows() for path in re.findall(r"`([^`]+)`", row[2])]
    assert len(paths) >= len(MODULES)
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    folder = (ROOT / page).parent
    assert [link for link in links if not (folder / link).exists()] == []


def test_importing_the_client_imports_neither_grpc_nor_protobuf() -> None:
    heavy = (
        "[name for name in ('grpc', 'google.protobuf', 'numpy', 'memscope_daemon') if name in sys.modules]"
    )
    code = f"import memscope_client, sys; print({heavy})"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_command_line_starts_without_its_heavy_parts() -> None:
    heavy = "[name for name in ('grpc', 'numpy', 'duckdb', 'rich', 'psutil') if name in sys.modules]"
    code = f"from memscope_daemon.cli.main import build_parser; import sys; build_parser(); print({heavy})"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_function_named_on_the_way_of_an_allocation_is_where_the_page_says() -> None:
    steps = re.findall(r"\[`(\w+)`\]\(\.\./([^)]+)\)", (ROOT / "docs/life-of-an-allocation.md").read_text())
    assert len(steps) > 15
    assert [(name, path) for name, path in steps if not defines(ROOT / path, name)] == []


def defines(path: Path, name: str) -> bool:
    return (
        re.search(rf"(\b(def|class) {name}\b|^[a-zA-Z].*\b{name}\()", path.read_text(), re.MULTILINE)
        is not None
    )


def test_every_command_that_a_message_or_page_names_exists() -> None:
    known = {command.name for command in describe(build_parser())}
    sources = [*(ROOT / "memscope_daemon").rglob("*.py"), *(ROOT / "memscope_client").rglob("*.py")]
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (path.name, word)
        for path in [*sources, *pages]
        for word in re.findall(r"\bmemscoped ([a-z]+)\b", path.read_text())
    }
    assert len(named) > 10
    assert {(file, word) for file, word in named if word not in known} == set()
