"""The half of the shim that lives in the target, entered inside every interpreter found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Inside = Callable[[str], dict[str, Any]]

ALLOCATE, FREE, REALLOCATE = 1, 2, 3


def test_every_domain_reports_each_event_once_with_its_sizes(inside: Inside) -> None:
    answer = inside("every_domain")
    assert (answer["outcome"], answer["left"], answer["losses"]) == (0, 0, {})
    for domain, sizes in {0: (100003, 307), 1: (100019, 311), 2: (100043, 313)}.items():
        for size in sizes:
            mine = [r for r in answer["records"] if r["size"] in (size, size + 1000000)]
            kinds = [(r["kind"], r["size"], r["domain"]) for r in mine]
            assert kinds == [
                (ALLOCATE, size, domain),
                (FREE, size, domain),
                (REALLOCATE, size + 1000000, domain),
                (FREE, size + 1000000, domain),
            ]
            first, moved, second, freed = mine
            assert first["id"] == moved["id"] == second["other_id"] and second["id"] == freed["id"]
            assert moved["alloc_time_ns"] == first["time_ns"] <= moved["time_ns"] <= freed["time_ns"]
            assert {r["weight"] for r in mine} == {1.0}


def test_the_innermost_frame_of_a_planted_call_is_its_function(inside: Inside) -> None:
    answer = inside("every_domain")
    names = {m["code"]: m["name"] for m in answer["metadata"] if m["kind"] == "code"}
    innermost = {m["stack"]: names[m["frames"][0][0]] for m in answer["metadata"] if m["kind"] == "stack"}
    planted = [r for r in answer["records"] if r["kind"] == ALLOCATE]
    assert len(planted) == 6
    assert all(innermost[r["stack"]].endswith("planted_site") for r in planted)


def test_entering_and_leaving_can_be_repeated(inside: Inside) -> None:
    answer = inside("attach_again")
    assert answer["outcomes"] == [0] * 40
    assert answer["records"] >= 100 and answer["losses"] == {}


def test_a_second_session_is_refused_while_one_is_active(inside: Inside) -> None:
    assert inside("second_enter") == {"first": 0, "second": -10, "state": 1, "left": 0}


def test_a_forked_child_is_silent_and_may_have_a_session_of_its_own(inside: Inside) -> None:
    answer = inside("fork_child")
    assert answer["child"] == ["0", "0", "50", "1050"]
    assert (answer["from_child"], answer["from_parent"]) == (0, 3)


def test_a_forked_child_under_another_tool_may_have_a_session_of_its_own(inside: Inside) -> None:
    answer = inside("fork_under_tracemalloc")
    assert answer == {"status": 0, "child": ["0", "50", "2", "50"], "left": 0}


def test_leaving_under_another_tool_passes_through_and_comes_back(inside: Inside) -> None:
    answer = inside("under_tracemalloc")
    assert (answer["leave"], answer["leave2"]) == (2, 0)
    assert (answer["under"], answer["again"]) == (10, 10)


def test_hooks_taken_away_by_another_tool_are_put_in_again_next_time(inside: Inside) -> None:
    answer = inside("over_tracemalloc")
    assert (answer["enter"], answer["leave"], answer["enter2"], answer["leave2"]) == (0, 0, 0, 0)
    assert (answer["over"], answer["cut"], answer["again"]) == (10, 0, 10)


def test_code_objects_that_reuse_an_address_keep_their_own_names(inside: Inside) -> None:
    answer = inside("reused_code")
    assert answer["wrong"] == []
    assert answer["seen"] >= 150


def test_a_code_object_that_was_sampled_is_reported_as_freed(inside: Inside) -> None:
    answer = inside("ended_code")
    assert answer["losses"] == {}
    assert answer["most_of_one_size"] < 20 and answer["made"] >= 200


def test_a_subinterpreter_with_a_gil_of_its_own_stays_out_of_what_our_gil_guards(inside: Inside) -> None:
    answer = inside("subinterpreter_with_its_own_gil")
    if answer:  # from 3.12 on
        assert (answer["foreign"], answer["reentered"]) == (0, 0)
        assert answer["kept"] == answer["made"] == 20000
        assert answer["pairs"] == 20000 and answer["twice"] == 0


def test_raw_allocations_without_the_gil_are_recorded_or_counted(inside: Inside) -> None:
    answer = inside("threads_without_gil")
    contended = answer["losses"].get("ALLOC_CONTENDED", 0)
    assert answer["allocated"] == answer["without_gil"]
    assert answer["allocated"] + contended >= 2000 and answer["allocated"] > 0
    assert answer["freed"] <= answer["allocated"]


def test_what_does_not_fit_is_dropped_and_counted(inside: Inside) -> None:
    answer = inside("overflow")
    assert answer["records"] <= 64
    assert (
        answer["losses"]["ALLOC_RING_FULL"] + answer["losses"].get("ALLOC_TABLE_FULL", 0)
        >= answer["made"] - 64
    )


def test_a_setting_is_not_taken_while_it_is_being_written(inside: Inside) -> None:
    answer = inside("setting_under_way")
    assert (answer["waits"], answer["applied"], answer["leave"]) == (True, True, 0)
    assert answer["settings"] == [[1.0, 5], [0.5, 3]]


def test_control_words_change_pause_and_detach_without_a_stop(inside: Inside) -> None:
    answer = inside("control_words")
    assert (answer["huge"], answer["all"], answer["applied"]) == (0, 6000, 2)
    assert (answer["paused"], answer["unread"]) == (0, 0)
    assert answer["unread_losses"]["ALLOC_NO_READER"] >= 3000
    assert (answer["state"], answer["leave"]) == (2, 1)


def test_nonsense_in_the_shared_memory_is_refused_or_bounded(inside: Inside) -> None:
    answer = inside("hostile_head")
    assert answer["outcomes"] == [-8] * 8
    assert (answer["good"], answer["left"], answer["kept"]) == (0, 0, 200000)


def test_an_interpreter_ends_well_with_the_hooks_in(inside: Inside) -> None:
    assert inside("at_exit") == {"enter": 0}


def test_the_same_seed_takes_the_same_decisions(inside: Inside) -> None:
    answer = inside("seed_repeats")
    assert answer["same"] and answer["other"] and 10 <= answer["taken"] <= 60


def test_a_new_seed_in_the_middle_of_a_session_begins_the_same_decisions_again(inside: Inside) -> None:
    assert inside("seed_changes") == {"runs": 17, "same": True, "other": True}
