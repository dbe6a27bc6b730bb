"""The commands against real targets, with the real daemon: carried, in the background, and served."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "tests/integration/programs/demo_leak.py"
HOLDS_THE_GIL = """
import os, sys
print(os.getpid(), flush=True)
sys.stdin.readline()
print("holding", flush=True)
print(max(range(200_000_000)), flush=True)  # one long call into C: no safe point of the interpreter in it
sys.stdin.readline()
"""


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Sockets and captures of our own; short paths, for sockets."""
    folder = tmp_path_factory.mktemp("m")
    (folder / "run").mkdir()
    own = {"XDG_RUNTIME_DIR": str(folder / "run"), "MEMSCOPE_STATE_DIR": str(folder / "state")}
    return {**os.environ, **own}


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    # On a busy machine a test may take longer than the minute that it runs for by itself.
    told = {**os.environ, "DEMO_SECONDS": "600"}
    process = subprocess.Popen([sys.executable, str(DEMO)], stdout=subprocess.PIPE, text=True, env=told)
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    yield process
    process.kill()
    process.communicate()


class Commands:
    """Runs memscoped in a folder of its own."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "memscope_daemon", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment,
        )

    def run(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=90)
        assert process.returncode == code, err
        return out, err

    def sockets(self) -> list[Path]:
        return sorted(Path(self.environment["XDG_RUNTIME_DIR"]).glob("memscope/*.sock"))


@pytest.fixture
def memscoped(environment: dict[str, str], tmp_path: Path) -> Commands:
    return Commands(environment, tmp_path)


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """The first line on standard error with ``text``; a process that never says it is killed."""
    assert process.stderr is not None
    deadline = threading.Timer(60, process.kill)
    deadline.start()
    try:
        for line in process.stderr:
            if text in line:
                return line
    finally:
        deadline.cancel()
    pytest.fail(f"standard error ended without {text!r}")


def daemons_of(memscoped: Commands) -> list[int]:
    """The processes of the daemon behind each socket: from the sockets' names."""
    return [int(match[1]) for path in memscoped.sockets() if (match := re.search(r"attach-(\d+)", path.name))]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_attach_with_no_daemon_running_names_the_leak_and_leaves_nothing_behind(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    out, _ = memscoped.run("attach", demo.pid, "--bytes", "64K", "--duration", "3", "--out", "r")
    first_site = next(line for line in out.splitlines() if "(programs/" in line)
    assert "Shop.remember (programs/demo_leak.py:" in first_site
    report = json.loads((memscoped.folder / "r/report.json").read_text())
    leaking = (
        DEMO.read_text().splitlines().index("        self.receipts[key] = text.encode() * 2  # the leak") + 1
    )
    assert report["hotspots"][0]["location"]["line"] == leaking
    assert "Shop.remember" in (memscoped.folder / "r/stacks.collapsed").read_text()
    assert memscoped.sockets() == []
    assert demo.poll() is None


def test_a_session_in_the_background_is_ended_by_detach_and_its_daemon_with_it(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    out, err = memscoped.run("attach", demo.pid, "--background")
    assert re.fullmatch(r"[0-9a-f]{16}\n", out)
    assert f"memscoped detach {demo.pid}" in err
    (daemon,) = daemons_of(memscoped)
    assert is_running(daemon)
    out, _ = memscoped.run("detach", demo.pid, "--out", "r")
    assert "quality:" in out
    assert (memscoped.folder / "r/report.json").exists()
    until(lambda: not is_running(daemon), "the daemon in the background to end")
    assert memscoped.sockets() == []
    assert demo.poll() is None


def leaks(report: str) -> bool:
    """Whether the leak is what holds most by now."""
    (most, *_) = json.loads(report)["hotspots"] or [{"location": {"function": ""}, "live_size": 0}]
    return most["location"]["function"] == "Shop.remember" and most["live_size"] > 0


def test_a_session_is_reported_and_exported_while_it_runs(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    session_id = memscoped.run("attach", demo.pid, "--background", "--bytes", "64K")[0].strip()
    until(lambda: leaks(memscoped.run("report", demo.pid, "--json")[0]), "the leak to show", 90)
    out, _ = memscoped.run("report", session_id)
    assert "quality:" in out
    out, _ = memscoped.run("export", demo.pid, "--format", "html,svg,speedscope,collapsed,json", "--out", "r")
    written = {Path(line).name: (memscoped.folder / line).read_text() for line in out.split()}
    assert sorted(written) == [
        "flame.svg",
        "report.html",
        "report.json",
        "stacks.collapsed",
        "stacks.speedscope.json",
    ]
    assert [name for name, content in written.items() if "Shop.remember" not in content] == []
    assert json.loads(written["report.json"])["session"]["state"] == "active"
    out, _ = memscoped.run("detach", demo.pid, "--format", "svg", "--out", "end")
    assert "quality:" in out
    assert [path.name for path in (memscoped.folder / "end").iterdir()] == ["flame.svg"]
    assert demo.poll() is None


def test_a_target_that_dies_in_the_background_still_leaves_its_files(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    memscoped.run("attach", demo.pid, "--background", "--bytes", "64K", "--out", "r")
    demo.kill()
    demo.wait()
    until((memscoped.folder / "r/stacks.collapsed").exists, "the files")
    report = json.loads((memscoped.folder / "r/report.json").read_text())
    assert report["session"]["end_reason"] == "target_exited"
    assert report["hotspots"]


def test_a_served_daemon_that_is_told_to_end_detaches_first(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    serving = memscoped.start("serve", "--export", memscoped.folder / "r")
    wait_for(serving, "serving at")
    memscoped.run("attach", demo.pid, "--background")
    serving.send_signal(signal.SIGTERM)
    serving.communicate(timeout=60)
    assert serving.returncode == 143
    assert json.loads((memscoped.folder / "r/report.json").read_text())["session"]["end_reason"] == "detached"
    assert demo.poll() is None
    _, err = memscoped.run("detach", demo.pid)
    assert "its hooks were out already" in err


def test_when_all_of_memscope_was_killed_detach_takes_the_hooks_out(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    memscoped.run("attach", demo.pid, "--background")
    (daemon,) = daemons_of(memscoped)
    for pid in [*shippers_of(daemon), daemon]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not is_running(daemon), "the daemon to be gone")
    _, err = memscoped.run("detach", demo.pid)
    assert "the hooks are out" in err
    _, err = memscoped.run("detach", demo.pid)
    assert "its hooks were out already" in err
    out, _ = memscoped.run("attach", demo.pid, "--duration", "0.5")
    assert "quality:" in out
    assert demo.poll() is None


def shippers_of(daemon: int) -> list[int]:
    children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
    tasks = Path(f"/proc/{daemon}/task").iterdir()
    everyone = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return sorted(everyone | {int(pid) for pid in children})


def test_ctrl_c_while_the_gil_is_held_leaves_the_target_as_it_was(memscoped: Commands) -> None:
    target = subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_GIL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert target.stdin is not None
    assert target.stdout is not None
    target.stdout.readline()
    target.stdin.write("hold\n")
    target.stdin.flush()
    assert target.stdout.readline() == "holding\n"
    attach = memscoped.start("attach", target.pid)
    wait_for(attach, "waiting for")
    attach.send_signal(signal.SIGINT)
    attach.communicate(timeout=60)
    assert attach.returncode == 130
    assert target.stdout.readline() == "199999999\n"
    target.stdin.write("end\n")
    target.communicate()
    assert target.returncode == 0


def test_a_refusal_is_exit_code_3_with_a_next_step(memscoped: Commands) -> None:
    target = subprocess.Popen(["sleep", "60"])
    _, err = memscoped.run("attach", target.pid, code=3)
    assert "what to do:" in err
    assert "code: attach." in err
    target.kill()
    target.wait()


def test_what_the_system_says_of_a_target_and_its_host(
    memscoped: Commands, demo: subprocess.Popen[str]
) -> None:
    memscoped.run("attach", demo.pid, "--background")
    until(lambda: '"cpu_usage_percent": ' in memscoped.run("system", demo.pid, "--json")[0], "two looks")
    told = json.loads(memscoped.run("system", demo.pid, "--json")[0])
    assert (told["schema"], told["pid"]) == ("memscope.system/1", demo.pid)
    latest, of_host = told["system_snapshots"][-1], told["host_snapshots"][-1]
    assert latest["memory_usage_bytes"] > 1 << 20 and latest["thread_count"] >= 1
    assert of_host["memory_usage_bytes"] > latest["memory_usage_bytes"]
    assert "namespace" in told["system_scopes"]["network_rx_bps"]
    since_ns = latest["timestamp_ns"] + 2_000_000_000

    def first_ns() -> int:
        """Of what came in the last second."""
        few = json.loads(memscoped.run("system", demo.pid, "--json", "--last", "1")[0])["system_snapshots"]
        return int(few[0]["timestamp_ns"])

    until(lambda: first_ns() > since_ns, "what is older to be left out")
    shown, _ = memscoped.run("system", demo.pid)
    assert re.search(r"memory usage bytes +[0-9.]+ MiB +[0-9.]+ [MG]iB +resident set", shown), shown
    assert re.search(r"gpu usage percent +[0-9.%\N{EN DASH} ]+", shown), shown
    memscoped.run("detach", demo.pid, "--out", "r")
    assert json.loads(memscoped.run("system", told["session_id"], "--json")[0])["system_snapshots"]
