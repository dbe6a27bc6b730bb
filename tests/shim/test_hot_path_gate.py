"""The path of what is not sampled is held to what it is: so many instructions, one call, no lock.

Counted by valgrind on a C driver that is linked with the shim's own objects: the instructions of a loop of
calls through the hooks, less those of the same loop without them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "memscope_daemon/shim/target"
CALLS = 20_000
COMPILERS_DIFFER = 2
PAYS = ("malloc", "calloc", "realloc", "free")
#: Instructions on top of the bare call, by domain and function. What an allocation pays is the step, the
#: countdown, two branches and the jump to the original; a free the place of its address in the filter, one
#: load, one branch and the jump. Only a realloc has a frame, for the two stores of the re-entry guard (the
#: thread's, because interpreters may each have a GIL of their own). Compilers differ by one or two.
MOST = {
    "obj": {"malloc": 12, "calloc": 14, "realloc": 21, "free": 8},
    "mem": {"malloc": 12, "calloc": 14, "realloc": 21, "free": 8},
    "raw": {"malloc": 16, "calloc": 18, "realloc": 21, "free": 8},
}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import setup

    path = tmp_path_factory.mktemp("gate") / "hot_path_driver"
    flags = [flag for flag in setup.CFLAGS if flag != "-shared"]
    sources = [str(each) for each in sorted(TARGET.rglob("*.c"))]
    command = ["gcc", *flags, f"-I{TARGET}/include", f"-I{TARGET}", *sources]
    subprocess.run(
        [*command, str(Path(__file__).with_name("hot_path_driver.c")), "-o", str(path)], check=True
    )
    return path


def instructions(driver: Path, *words: str, calls: int) -> tuple[int, int]:
    """(executed, bytes counted down)"""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*command, str(driver), *words, str(calls)], capture_output=True, text=True, check=True
    )
    (found,) = re.findall(r"I\s+refs:\s+([\d,]+)", done.stderr)
    return int(found.replace(",", "")), int(done.stdout)


def per_call(driver: Path, how: str, domain: str, name: str) -> float:
    few, _ = instructions(driver, how, domain, name, calls=0)
    many, counted = instructions(driver, how, domain, name, calls=CALLS)
    expected = CALLS * 56 if how == "hooked" and name != "free" else 0
    assert counted == expected, "the driver went through the path that it should count"
    return (many - few) / CALLS


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
@pytest.mark.parametrize("domain", ["obj", "mem", "raw"])
@pytest.mark.parametrize("name", PAYS)
def test_what_is_not_sampled_pays_a_handful_of_instructions(
    driver: Path, domain: str, name: str, figures: list[str]
) -> None:
    more = per_call(driver, "hooked", domain, name) - per_call(driver, "bare", domain, name)
    figures.append(f"not sampled, {domain} {name:<8}: {more:.1f} instructions more than the bare call")
    assert 0 < more <= MOST[domain][name] + COMPILERS_DIFFER


@pytest.mark.parametrize("function", [f"{d}_{n}" for d in ("obj", "mem", "raw") for n in PAYS])
def test_it_takes_no_lock_asks_nobody_for_thread_local_memory_and_calls_the_original_only(
    driver: Path, function: str
) -> None:
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}", str(driver)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    body = text[text.index(f"<{function}>:") :]
    assert len(body.splitlines()) > 3
    assert not re.search(r"\block\b", body)
    assert "__tls_get_addr" not in body
    indirect = re.findall(r"\b(?:call|jmp)\s+\*", body)
    assert 1 <= len(indirect) <= 2, "the original, on the common and on the uncommon way"
    direct = re.findall(r"\b(?:call|jmp|j[a-z]+)\s+[0-9a-f]+ <(ms_\w+)>", body)
    assert set(direct) <= {
        *("ms_gil_allocated", "ms_gil_freeing", "ms_gil_take", "ms_gil_put_back"),
        *("ms_raw_allocated", "ms_raw_freeing", "ms_raw_take", "ms_raw_put_back"),
    }, "out of line is only what the uncommon way needs"
