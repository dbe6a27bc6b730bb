from __future__ import annotations

from memscope_daemon.model.system import ROW_NAMES
from memscope_daemon.monitor.series import Series

REST = (0,) * (len(ROW_NAMES) - 1)


def times(series: Series, count: int) -> tuple[list[int], int]:
    rows, taken = series.after(count)
    return rows["timestamp"].tolist(), taken


def test_a_reader_gets_each_row_once_in_order() -> None:
    series = Series(5)
    assert times(series, 0) == ([], 0)
    for at in range(3):
        series.put((at, *REST))
    assert times(series, 0) == ([0, 1, 2], 3)
    series.put((3, *REST))
    assert times(series, 3) == ([3], 4)
    assert times(series, 4) == ([], 4)


def test_a_reader_who_comes_too_late_misses_the_oldest_and_the_room_stays() -> None:
    series = Series(5)
    for at in range(17):
        series.put((at, *REST))
    assert times(series, 2) == ([12, 13, 14, 15, 16], 17)
    assert series.count == 17


def test_rows_that_were_handed_out_do_not_change() -> None:
    series = Series(2)
    series.put((1, *REST))
    rows, _ = series.after(0)
    for at in range(5):
        series.put((at + 10, *REST))
    assert rows["timestamp"].tolist() == [1]
