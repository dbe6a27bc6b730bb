"""What a host allows, by recorded facts: machines of these kinds are not at hand."""

from __future__ import annotations

import dataclasses

import pytest

from memscope_daemon.attach.host import Host, judge, require_supported
from memscope_daemon.errors import AttachRefused, ExitCode

GOOD = Host("Linux", "x86_64", "6.1.0-13-amd64", 0, True, None, 75_544, 3)


def objections(**changed: object) -> list[tuple[str, str]]:
    findings = judge(dataclasses.replace(GOOD, **changed))  # type: ignore[arg-type]
    return [(one.code, one.next_step) for one in findings if not one.ok]


def test_a_host_on_which_everything_is_right_has_no_objection() -> None:
    assert len(judge(GOOD)) == 5
    assert objections() == []


@pytest.mark.parametrize(
    ("system", "machine", "step"),
    [
        ("Darwin", "arm64", "virtual machine"),
        ("Windows", "AMD64", "WSL 2"),
        ("Linux", "aarch64", "Linux on x86-64"),
        ("FreeBSD", "amd64", "Linux on x86-64"),
    ],
)
def test_another_kind_of_machine_is_refused_with_a_next_step(system: str, machine: str, step: str) -> None:
    (found,) = judge(Host(system, machine))
    assert not found.ok
    assert step in found.next_step
    with pytest.raises(AttachRefused, match=machine) as refusal:
        require_supported(Host(system, machine))
    assert (refusal.value.code, refusal.value.exit_code) == ("attach.platform", ExitCode.REFUSED)


def test_yama_counts_for_those_without_the_capability_only() -> None:
    ((code, step),) = objections(may_ptrace_anyone=False, euid=1000, yama_scope=1)
    assert code == "attach.ptrace-scope"
    assert "sysctl" in step
    assert objections(yama_scope=1) == []
    assert objections(may_ptrace_anyone=False, euid=1000, yama_scope=0) == []
    ((code, step),) = objections(yama_scope=3)
    assert "reboot" in step


def test_each_thing_that_is_missing_is_named() -> None:
    assert [code for code, _ in objections(kernel="4.4.0-1-amd64")] == ["attach.kernel"]
    assert [code for code, _ in objections(rehearsed=0)] == ["attach.not-permitted"]
    assert [code for code, _ in objections(shim_bytes=0)] == ["attach.shim-unreadable"]
    assert len(objections(kernel="3.10.0", rehearsed=0, shim_bytes=0)) == 3
