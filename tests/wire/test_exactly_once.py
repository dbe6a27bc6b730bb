"""Every event the target wrote arrives once, whatever happens on the way."""

from __future__ import annotations

import numpy as np
from harness import (
    ContractServer,
    Shipping,
    columns,
    numbered_without_gaps,
    received_ids,
    shipping,
    until,
)

from memscope_daemon._pb import session_pb2
from memscope_daemon.model.sampling import PRESETS

FULL = PRESETS["full"]


def write_rounds(session: Shipping, rounds: int, count: int = 1009) -> None:
    """Rounds of allocations in both rings, each freed in the next round, no round before there is room."""
    target, before = session.target, None
    header = target.header
    for index in range(rounds):
        until(lambda: header.events.head - header.events.tail < target.geometry.capacities.event // 2, "room")
        until(lambda: header.raw.head - header.raw.tail < target.geometry.capacities.raw // 2, "room")
        now = session.start_ns + 1 + index
        if before is not None:
            target.free(before[0], "events", now)
            target.free(before[1], "raw", now)
        before = target.allocate(count, "events", now), target.allocate(count // 7, "raw", now)


def assert_all_arrived(session: Shipping, server: ContractServer) -> None:
    batches = server.batches()
    assert numbered_without_gaps(batches)
    np.testing.assert_array_equal(received_ids(batches), session.target.written_ids)
    assert batches[-1].produced_count == batches[-1].shipped_count == len(session.target.written_ids)
    assert not batches[-1].losses


def test_every_event_reaches_a_server_written_from_the_contract_alone(contract, address):
    contract.start()
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        write_rounds(session, 101)
        outcome = session.finish()
        assert outcome.exit_code == 0, outcome
        assert outcome.reason == "detached"
    assert_all_arrived(session, contract)
    goodbye = contract.requests()[-1].goodbye
    assert goodbye.reason == session_pb2.END_REASON_DETACHED
    assert goodbye.last_batch == contract.batches()[-1].batch_number


def test_a_server_killed_in_mid_stream_and_restarted_has_each_event_once(contract, address):
    contract.start()
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        for _ in range(5):
            write_rounds(session, 17)
            seen = len(contract.batches())
            until(lambda seen=seen: len(contract.batches()) > seen or seen, "a batch")
            contract.kill()
            write_rounds(session, 3)
            contract.start()
        outcome = session.finish()
        assert outcome.exit_code == 0, outcome
    assert_all_arrived(session, contract)
    hellos = [request for request in contract.requests() if request.HasField("hello")]
    assert len(hellos) == 1


def test_batches_sent_and_not_acknowledged_are_not_stored_twice(contract, address):
    """The server stores, and dies before its acknowledgement is out."""
    contract.start(ack_delay_s=0.2)
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        write_rounds(session, 23)
        until(contract.batches, "a stored batch")
        contract.kill()
        contract.start()
        outcome = session.finish()
        assert outcome.exit_code == 0, outcome
    assert_all_arrived(session, contract)


def test_a_server_that_is_slow_to_acknowledge_gets_everything(contract, address):
    contract.start(ack_delay_s=0.1)
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        write_rounds(session, 53)
        outcome = session.finish()
        assert outcome.exit_code == 0, outcome
    assert_all_arrived(session, contract)


def test_a_server_that_starts_late_gets_everything(contract, address):
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        write_rounds(session, 11)
        until(lambda: session.target.header.events.tail == session.target.header.events.head, "the drain")
        contract.start()
        assert session.finish().exit_code == 0
    assert_all_arrived(session, contract)


def test_what_overflows_is_counted_and_what_fits_arrives(contract, address):
    contract.start()
    with shipping(address, sampling=PRESETS["production"]) as session:
        target = session.target
        capacity = target.geometry.capacities.event
        written = target.allocate(capacity + 1013)  # before the shim has entered: nobody drains yet
        assert len(written) == capacity
        target.enter()
        assert session.finish().exit_code == 0
    batches = contract.batches()
    np.testing.assert_array_equal(received_ids(batches), target.written_ids)
    losses = {loss.cause: loss for loss in batches[-1].losses}
    assert losses.keys() == {"alloc_ring_full"}
    assert losses["alloc_ring_full"].record_count == 1013
    assert losses["alloc_ring_full"].weighted_bytes == 1013 * 101


def test_a_free_never_arrives_before_its_allocation(contract, address):
    contract.start()
    with shipping(address, sampling=FULL) as session:
        target = session.target.enter()
        for index in range(211):
            now = session.start_ns + 1000 - index  # a clock that runs backwards must not matter
            for ring in ("events", "raw"):
                target.free(target.allocate(31, ring, now), ring, now)
        assert session.finish().exit_code == 0
    batches = contract.batches()
    kinds, ids = columns(batches, "kind"), columns(batches, "allocation_id")
    first_free = {int(i): n for n, (k, i) in enumerate(zip(kinds, ids, strict=True)) if k == 2}
    allocated = {int(i): n for n, (k, i) in enumerate(zip(kinds, ids, strict=True)) if k == 1}
    assert len(first_free) == 211 * 31 * 2
    assert all(allocated[number] < at for number, at in first_free.items())
