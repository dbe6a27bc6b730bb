"""What each key makes of the view."""

from __future__ import annotations

import dataclasses

import pytest

from memscope_client import Sampling
from memscope_daemon.cli.live.finer import BYTES_BOUNDS, RATE_BOUNDS, stepped
from memscope_daemon.cli.live.view import Ask, Asked, Group, Sort, View, kept_within, press


def after(*keys: str, view: View | None = None) -> View:
    view = view or View()
    for key in keys:
        view, _ = press(view, key)
    return view


def test_s_goes_through_all_sorts_and_capital_s_back() -> None:
    assert [after(*"s" * n).sort for n in range(5)] == [*Sort, Sort.LIVE]
    assert after(*"ssS").sort is Sort.ALLOCATED


def test_g_goes_through_all_groups() -> None:
    assert [after(*"g" * n).group for n in range(5)] == [*Group, Group.SITE]


def test_another_order_begins_at_its_top() -> None:
    assert after("down", "down").top == 2
    assert after("down", "s").top == 0
    assert after("page-down", "up").top == 9
    assert after("up").top == 0


def test_the_end_is_where_the_last_row_is() -> None:
    assert kept_within(after("end"), 40, 12).top == 28
    assert kept_within(after("end"), 5, 12).top == 0
    assert kept_within(after("end", "home"), 40, 12).top == 0


@pytest.mark.parametrize(
    ("key", "what"),
    [("q", Ask.LEAVE), ("p", Ask.TOGGLE_SAMPLING), ("+", Ask.FINER), ("=", Ask.FINER), ("-", Ask.COARSER)],
)
def test_keys_that_ask_the_daemon_leave_the_view_as_it_is(key: str, what: Ask) -> None:
    assert press(View(), key) == (View(), Asked(what))


def test_help_goes_by_the_key_it_came_by_or_by_escape() -> None:
    assert after("h").helps
    assert not after("h", "?").helps
    assert not after("?", "escape").helps


def test_while_a_label_is_typed_every_key_belongs_to_it() -> None:
    view = after("m", *"q p", "backspace", *"+g")
    assert view.typed == "q +g"
    assert (view.sort, view.group, view.held) == (Sort.LIVE, Group.SITE, False)
    done, asked = press(view, "enter")
    assert asked == Asked(Ask.MARK, "q +g")
    assert done.typed is None


def test_a_label_is_of_bounded_length_and_may_be_given_up() -> None:
    assert len(after("m", *"x" * 500).typed or "") == 64
    assert press(after("m"), "enter")[1] is None
    assert after("m", "x", "escape") == dataclasses.replace(View(), remark="no mark")


def test_a_remark_goes_with_the_next_key() -> None:
    assert after("x", view=View(remark="done")).remark == ""


@pytest.mark.parametrize(
    ("mode", "start", "bounds"), [("bytes", 524288.0, BYTES_BOUNDS), ("rate", 0.1, RATE_BOUNDS)]
)
def test_sampling_goes_by_two_up_to_its_bounds_and_back(
    mode: str, start: float, bounds: tuple[float, float]
) -> None:
    sampling = Sampling(mode, start, preset="production")
    finer = stepped(sampling, finer=True)
    assert finer is not None
    assert finer.value == (start / 2 if mode == "bytes" else start * 2)
    assert finer.preset == ""
    back = stepped(finer, finer=False)
    assert back is not None
    assert back.value == start
    for direction, bound in ((True, bounds[mode == "rate"]), (False, bounds[mode == "bytes"])):
        last, found = sampling, stepped(sampling, finer=direction)
        while found is not None:
            last, found = found, stepped(found, finer=direction)
        assert last.value == bound


def test_a_setting_beyond_the_bounds_only_comes_back() -> None:
    dense = Sampling("bytes", 1024.0)
    assert stepped(dense, finer=True) is None
    coarser = stepped(dense, finer=False)
    assert coarser is not None
    assert coarser.value == BYTES_BOUNDS[0]
