from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from memscope_daemon.attach import procfs
from memscope_daemon.monitor.kernel import HostReader, Networks, TargetReader, busy_and_whole_ns, traffic
from memscope_daemon.monitor.reading import Gpu, Traffic
from tests.support.daemon import ROOT
from tests.support.unprivileged import NOBODY, python_for_all

NET = b"""Inter-|   Receive          |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls ...
    lo:  290739  5293  0  0  0  0  0  0  290741  5293  0  0  0  0  0  0
  eth0:521922000  16072  0  0  0  0  0  0  891318  11066  0  0  0  0  0  0
"""
STAT = b"""cpu  101 7 13 1009 103 3 5 11 0 0
cpu0 50 3 7 500 50 1 2 5 0 0
cpu1 51 4 6 509 53 2 3 6 0 0
intr 17
"""
LOOK = """
import json, sys
sys.path.insert(0, {root!r})
from memscope_daemon.monitor.kernel import Networks, TargetReader
found = TargetReader({pid}, {ticks}).read(Networks(), 1e9, ())
print(json.dumps([found.cpu_ns, found.memory_bytes, found.thread_count, found.disk, found.network]))
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    command, pipe = [sys.executable, "-c", "print(flush=True); input()"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is what it is to be
        yield process


def reader_of(pid: int) -> TargetReader:
    return TargetReader(pid, procfs.start_time_ticks(pid))


def test_interfaces_of_a_namespace_are_added_up() -> None:
    assert traffic(NET) == Traffic(290739 + 521922000, 290741 + 891318)
    assert math.isnan(traffic(b"").come) and math.isnan(traffic(b"").gone)


def test_a_processor_that_waits_for_a_disk_is_not_busy() -> None:
    tick_ns = 1e9 / os.sysconf("SC_CLK_TCK")
    busy, whole = 101 + 7 + 13 + 3 + 5 + 11, 101 + 7 + 13 + 1009 + 103 + 3 + 5 + 11
    assert busy_and_whole_ns(STAT) == (busy * tick_ns, whole * tick_ns)
    assert all(math.isnan(value) for value in busy_and_whole_ns(b""))


def test_a_process_that_ends_is_not_read_any_more(child: subprocess.Popen[bytes]) -> None:
    reader = reader_of(child.pid)
    before = reader.read(Networks(), 1e12, Gpu())
    assert before is not None
    assert 1 << 20 < before.memory_bytes < 1 << 30
    assert before.memory_percent == pytest.approx(before.memory_bytes / 1e10)
    assert before.thread_count == 1 and before.cpu_ns > 0 and before.disk.gone >= 0
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert reader.read(Networks(), 1e12, Gpu()) is None, "a zombie has ended"
    child.wait()
    assert reader.read(Networks(), 1e12, Gpu()) is None
    reader.close()


def test_another_process_of_the_same_pid_is_not_taken_for_the_target(child: subprocess.Popen[bytes]) -> None:
    with pytest.raises(ProcessLookupError):
        TargetReader(child.pid, procfs.start_time_ticks(child.pid) + 1)
    child.kill()
    child.wait()
    with pytest.raises(ProcessLookupError):
        TargetReader(child.pid, 0)


def test_what_may_not_be_read_is_absent_and_the_rest_is_there(child: subprocess.Popen[bytes]) -> None:
    """Whoever may not trace a process may not see what it reads and writes, nor in which network it is."""
    if os.geteuid() != 0:
        pytest.skip("needs a process of another user: run as root")
    code = LOOK.format(root=str(ROOT), pid=child.pid, ticks=procfs.start_time_ticks(child.pid))
    done = subprocess.run(
        [python_for_all(), "-c", code],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        check=True,
    )
    cpu_ns, memory_bytes, thread_count, disk, network = json.loads(done.stdout)
    assert all(math.isnan(value) for value in (*disk, *network))
    assert cpu_ns > 0 and memory_bytes > 1 << 20 and thread_count == 1


def test_a_namespace_is_read_once_for_all_who_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    kernel = sys.modules[Networks.__module__]
    slurp = kernel.slurp  # type: ignore[attr-defined]
    monkeypatch.setattr(kernel, "slurp", lambda path: read.append(path) or slurp(path))
    networks = Networks()
    first, second = networks.of(f"/proc/{os.getpid()}"), networks.of("/proc/self")
    assert first == second and len(read) == 1 and first.come >= 0
    networks.forget()
    networks.of("/proc/self")
    assert len(read) == 2


def test_the_host_is_read_as_its_files_say() -> None:
    reader = HostReader()
    found = reader.read(Networks(), Gpu())
    assert (
        found.memory_bytes < reader.memory_total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    )
    assert 0 < found.memory_percent < 100
    assert found.cpu_ns < found.cpu_whole_ns and found.thread_count >= 1
