"""A shipper dies, another takes over on the same rings: nothing twice, and what is gone is counted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fake_target import FakeTarget
from harness import Shipping, columns, numbered_without_gaps, received_ids, shipping, until

from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.errors import TrackingError
from memscope_daemon.model.sampling import PRESETS, SamplingConfig, SamplingMode
from memscope_daemon.server.recording import Recording
from memscope_daemon.shim import layout
from memscope_daemon.shim.job import Resume
from memscope_daemon.shim.launch import ShipperProcess

FULL = PRESETS["full"]


class Daemon:
    """What a daemon knows of the batches that a scripted server took."""

    def __init__(self, scripted, folder) -> None:
        self.scripted = scripted
        self.recording = Recording(folder / "capture.duckdb", SamplingMode.RATE)
        self.taken = 0

    def resume_point(self, up_to: int | None = None) -> Resume:
        for batch in self.scripted.batches[self.taken : up_to]:
            self.recording.take(batch)
            self.taken += 1
        return self.recording.resume_point(FULL)


@pytest.fixture
def daemon(scripted, tmp_path):
    made = Daemon(scripted, tmp_path)
    yield made
    made.recording.close()


def kill(session: Shipping, daemon: Daemon) -> None:
    """Kills the shipper; what it sent behind the last resume point never reached the daemon."""
    ended_count = daemon.scripted.ended_count
    until(lambda: len(daemon.scripted.hellos) > ended_count, "its stream")  # which may begin after it reads
    session.shipper.kill()
    until(lambda: daemon.scripted.ended_count > ended_count, "its stream to end")
    del daemon.scripted.batches[daemon.taken :]


def succeed(session: Shipping, resume: Resume) -> tuple[int, int]:
    """Starts another shipper in the place of one that was killed."""
    session.shipper.close()
    session.shipper = ShipperProcess.spawn()
    return session.shipper.adopt(session.job, resume, session.target.descriptor)


def sites(target: FakeTarget, first: int, count: int) -> None:
    """Codes and stacks of their own numbers; stack i is in function work_i."""
    for number in range(first, first + count):
        target.code(number, f"shop/file_{number}.py", f"work_{number}", 10 * number)
        target.stack(number, [(number, layout.NOT_STARTED)])


def received(scripted) -> int:
    return sum(batch.events.count for batch in scripted.batches)


def site_names(batches: list[pb.Batch]) -> dict[int, str]:
    """The function of each stack, by all dictionaries, in which no number may stand twice."""
    strings, frames, stacks = {0: ""}, {}, {}
    for batch in batches:
        for table, rows in (
            (strings, [(row.string_id, row.text) for row in batch.dictionary.strings]),
            (frames, [(row.frame_id, row.function_string_id) for row in batch.dictionary.frames]),
            (stacks, [(row.stack_id, row.frame_ids[0]) for row in batch.dictionary.stacks]),
        ):
            assert not table.keys() & {number for number, _ in rows}
            table.update(rows)
    return {stack: strings[frames[frame]] for stack, frame in stacks.items()}


def test_the_successor_ships_what_was_read_and_not_sent_and_what_comes_after(scripted, address, daemon):
    with shipping(address, sampling=FULL) as session:
        target = session.target.enter()
        sites(target, 1, 3)
        target.allocate(1009, stack=1)
        target.allocate(307, "raw", stack=2)
        until(lambda: received(scripted) == 1316, "the first events")
        resume = daemon.resume_point()
        scripted.ack = False
        target.allocate(2003, stack=3)  # read by the first shipper; what becomes of its batches nobody knows
        until(lambda: target.header.events.tail == 3012, "the shipper to read them")
        kill(session, daemon)
        assert succeed(session, resume) == (0, 0)
        kept = scripted.batches[: daemon.taken]
        scripted.ack = True
        sites(target, 4, 2)
        target.allocate(101, stack=5)
        target.allocate(103, "raw", stack=1)
        until(lambda: received(scripted) == 1316 + 2003 + 204, "all events")
        assert session.finish().reason == "detached"
        assert scripted.batches[: len(kept)] == kept
        assert numbered_without_gaps(scripted.batches)
        np.testing.assert_array_equal(received_ids(scripted.batches), target.written_ids)
        assert not scripted.batches[-1].losses
        assert scripted.batches[-1].shipped_count == scripted.batches[-1].produced_count == 3523
    assert site_names(scripted.batches) == {number: f"work_{number}" for number in range(1, 6)}
    used = set(columns(scripted.batches, "stack_id").tolist())
    assert used == {1, 2, 3, 5}


def test_what_the_target_has_written_over_is_counted_as_lost(scripted, address, daemon):
    with shipping(address, sampling=PRESETS["production"]) as session:
        target = session.target.enter()
        capacity = target.geometry.capacities.event
        target.allocate(101)
        until(lambda: received(scripted) == 101, "the first events")
        resume = daemon.resume_point()
        for _ in range(2):
            target.allocate(capacity // 2)
            until(lambda: target.header.events.tail == target.header.events.head, "the shipper to read them")
        kill(session, daemon)
        target.allocate(997)  # over what the dead shipper had read
        skipped, _ = succeed(session, resume)
        assert skipped == 998  # and the one at which the target might have been just then
        until(lambda: received(scripted) == 101 + capacity + 997 - skipped, "what is left")
        target.allocate(11)
        assert session.finish().reason == "detached"
        (loss,) = scripted.batches[-1].losses
        assert (loss.cause, loss.record_count) == ("shipper_died", skipped)
        ids = received_ids(scripted.batches)
        assert len(np.unique(ids, axis=0)) == len(ids) == len(target.written_ids) - skipped


def test_the_third_shipper_counts_on_where_the_second_stopped(scripted, address, daemon):
    with shipping(address, sampling=PRESETS["production"]) as session:
        target = session.target.enter()
        capacity = target.geometry.capacities.event
        resume = daemon.resume_point()
        target.allocate(capacity)
        until(lambda: target.header.events.tail == capacity, "the shipper to read them")
        kill(session, daemon)
        target.allocate(199)
        skipped, _ = succeed(session, resume)
        until(lambda: received(scripted) == capacity + 199 - skipped, "what is left")
        resume = daemon.resume_point()
        again = Resume(**{**resume.to_message(), "sampling": resume.sampling,
                          "event_position": resume.event_position + skipped,
                          "losses": {"shipper_died": skipped}})  # fmt: skip
        target.allocate(211)
        until(lambda: target.header.events.tail == target.header.events.head, "the shipper to read them")
        kill(session, daemon)
        assert succeed(session, again) == (0, 0)
        until(lambda: received(scripted) == capacity + 410 - skipped, "the rest")
        assert session.finish().reason == "detached"
        (loss,) = scripted.batches[-1].losses
        assert (loss.cause, loss.record_count) == ("shipper_died", skipped)
        assert numbered_without_gaps(scripted.batches)


def test_a_record_that_makes_no_sense_is_counted_once(scripted, address, daemon):
    with shipping(address, sampling=FULL) as session:
        target = session.target.enter()
        target.allocate(1, weight=0.5)
        target.allocate(101)
        target.allocate(1, "raw", weight=0.5)
        until(lambda: received(scripted) == 101 and scripted.batches[-1].losses, "the first events")
        until(lambda: scripted.batches[-1].losses[0].record_count == 2, "both to be counted")
        resume = daemon.resume_point()
        assert resume.thrown_away_count == 2
        kill(session, daemon)
        target.allocate(307)
        assert succeed(session, resume) == (0, 0)
        until(lambda: received(scripted) == 408, "the rest")
        assert session.finish().reason == "detached"
        (loss,) = scripted.batches[-1].losses
        assert (loss.cause, loss.record_count) == ("bad_record", 2)


def test_what_a_target_wrote_that_died_with_the_shipper_is_shipped(scripted, address, daemon):
    with shipping(address, sampling=FULL) as session:
        target = session.target.enter()
        target.allocate(1009)
        until(lambda: received(scripted) == 1009, "the first events")
        resume = daemon.resume_point()
        kill(session, daemon)
        target.allocate(503)
        session.victim.kill()
        succeed(session, resume)
        assert session.shipper.wait(30).reason == "target_exited"
        np.testing.assert_array_equal(received_ids(scripted.batches), target.written_ids)


HALF = SamplingConfig(SamplingMode.RATE, 0.5, depth=3, seed=4211)


def resumed_with(session: Shipping, daemon: Daemon, sampling: SamplingConfig) -> layout.Control:
    """The control words, once another shipper is there that was told of ``sampling``."""
    resume = dataclasses.replace(daemon.resume_point(), sampling=sampling)
    kill(session, daemon)
    succeed(session, resume)
    return session.target.control


def told(control: layout.Control) -> tuple[int, float, int, bool]:
    return control.mode, control.value, control.depth, bool(control.generation & layout.GENERATION_WRITING)


def test_a_setting_that_the_dead_shipper_never_wrote_is_written_by_the_next(scripted, address, daemon):
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        generation = session.target.control.generation
        control = resumed_with(session, daemon, HALF)
        assert (told(control), control.seed) == ((2, 0.5, 3, False), 4211)
        assert control.generation > generation
        session.finish()


def test_a_setting_that_the_dead_shipper_wrote_by_half_is_written_whole_by_the_next(
    scripted, address, daemon
):
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        control = session.target.control
        control.generation |= layout.GENERATION_WRITING
        control.value = 0.25
        assert told(resumed_with(session, daemon, FULL)) == (2, 1.0, 20, False)
        session.finish()


def test_a_setting_in_force_is_not_written_again_by_the_next_shipper(scripted, address, daemon):
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        before = bytes(session.target.control)[:24]
        assert bytes(resumed_with(session, daemon, FULL))[:24] == before
        session.finish()


def test_memory_of_another_session_is_refused(scripted, address, daemon):
    with shipping(address, sampling=FULL) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        session.target.header.session_id += 1
        kill(session, daemon)
        with pytest.raises(TrackingError, match="another session"):
            succeed(session, daemon.resume_point())
