from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from memscope_daemon.shim.shipper.outbox import Outbox

OPEN = threading.Event()


def filled(count: int, bytes_max: int = 1 << 20) -> Outbox:
    outbox = Outbox(bytes_max)
    for number in range(1, count + 1):
        outbox.put(b"%d" % number)
    return outbox


def test_batches_come_by_number_until_they_are_acknowledged():
    outbox = filled(3)
    assert [outbox.wait(number, OPEN) for number in (1, 2, 3)] == [b"1", b"2", b"3"]
    outbox.acknowledge(2)
    assert (outbox.first_number, outbox.last_number) == (3, 3)
    assert outbox.wait(3, OPEN) == b"3"


def test_the_last_message_comes_behind_all_batches_and_can_come_again():
    outbox = filled(2)
    outbox.finish(b"goodbye")
    assert outbox.wait(2, OPEN) == b"2"
    assert outbox.wait(3, OPEN) == outbox.wait(3, OPEN) == b"goodbye"


def test_there_is_no_room_from_the_bound_on_and_again_after_an_acknowledgement():
    outbox = Outbox(bytes_max=101)
    outbox.put(b"x" * 97)
    assert outbox.has_room
    outbox.put(b"x" * 5)
    assert not outbox.has_room
    outbox.acknowledge(1)
    assert outbox.has_room


def test_a_waiter_is_let_go_when_its_call_closes():
    outbox, closed, answers = filled(0), threading.Event(), []
    waiter = threading.Thread(target=lambda: answers.append(outbox.wait(1, closed)))
    waiter.start()
    closed.set()
    outbox.wake()
    waiter.join(30)
    assert answers == [None]


@given(st.lists(st.one_of(st.just("put"), st.integers(0, 40)), max_size=60))
def test_whatever_the_order_nothing_unacknowledged_is_forgotten(steps):
    outbox, made, acknowledged = Outbox(1 << 20), 0, 0
    for step in steps:
        if step == "put":
            made += 1
            outbox.put(b"%d" % made)
        else:
            outbox.acknowledge(step)
            acknowledged = max(acknowledged, min(step, made))
        assert (outbox.first_number, outbox.last_number) == (acknowledged + 1, made)
        for number in range(acknowledged + 1, made + 1):
            assert outbox.wait(number, OPEN) == b"%d" % number
