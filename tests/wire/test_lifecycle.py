"""How a session of the shipper begins and ends, and what it does when others fail."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from pathlib import Path

import grpc
import numpy as np
import pytest
from fake_target import FakeTarget
from harness import SESSION_ID, ScriptedServer, received_ids, shipping, until

from memscope_daemon import clock
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon._pb import session_pb2
from memscope_daemon.errors import TrackingError
from memscope_daemon.model.sampling import PRESETS, SamplingConfig, SamplingMode
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import geometry_for
from memscope_daemon.shim.job import ShipperExit
from memscope_daemon.shim.launch import ShipperProcess
from memscope_daemon.shim.shipper.shared import Sampling, SharedMemory


def test_the_hello_says_what_the_session_is(scripted, address):
    sampling = SamplingConfig(SamplingMode.RATE, 0.25, stacks=False, depth=7, seed=4211, preset="demo")
    with shipping(address, sampling=sampling) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        (hello,) = scripted.hellos
        assert (hello.protocol_version, hello.session_id) == (1, SESSION_ID)
        assert hello.target.pid == session.victim.pid
        assert hello.started_unix_ns == session.job.started_unix_ns
        wanted = session_pb2.SamplingConfig(
            mode=2, value=0.25, stacks=False, depth=7, seed=4211, seed_given=True, preset="demo"
        )
        assert hello.sampling == wanted
        session.finish()


def test_nothing_is_said_before_the_shim_has_entered(scripted, address):
    with shipping(address) as session:
        session.shipper.abort()
        outcome = session.shipper.wait(30)
        assert (outcome.exit_code, outcome.reason) == (0, "aborted")
        assert session.target.control.detach == 1
    assert not scripted.hellos


def test_the_control_words_are_those_asked_for_and_the_heartbeat_goes_on(scripted, address):
    with shipping(address, sampling=PRESETS["production"]) as session:
        control = session.target.control
        assert (control.mode, control.value, control.depth, control.stacks) == (1, 524288.0, 64, 1)
        assert control.generation > 0 and control.seed and not control.paused and not control.detach
        for _ in range(3):
            before = control.heartbeat_ns
            until(lambda before=before: control.heartbeat_ns > before, "a heartbeat")
        assert control.heartbeat_ns <= clock.monotonic_ns()


def test_detach_is_answered_as_soon_as_the_hooks_are_out(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        session.target.allocate(101)
        until(lambda: scripted.batches, "the first batch")
        session.target.leave(left_in_chain=0b100)
        answer = session.shipper.detach(grace_s=20.0)
        assert answer.detached and answer.left_in_chain == 0b100
        assert session.target.control.detach == 1
        outcome = session.shipper.wait(30)
        assert (outcome.exit_code, outcome.shipped_count) == (0, 101)
        assert "OBJ" in outcome.detail
    assert scripted.goodbyes[0].reason == session_pb2.END_REASON_DETACHED


def test_detach_says_so_when_the_target_does_not_pass_by_and_goes_on_draining(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        assert not session.shipper.detach(grace_s=0.05).detached
        session.target.allocate(103)
        until(lambda: sum(batch.events.count for batch in scripted.batches) == 103, "the events")
        assert session.finish().reason == "detached"


@pytest.mark.parametrize(
    ("end", "detail"),
    [
        (lambda victim: victim.kill(), "killed by SIGKILL"),
        (lambda victim: victim.send_signal(signal.SIGTERM), "killed by SIGTERM"),
        (lambda victim: victim.stdin.write(b"\n") and victim.stdin.flush(), "exited with status 0"),
    ],
)
def test_what_a_dead_target_wrote_is_shipped_to_the_last_byte(scripted, address, end, detail):
    with shipping(address, sampling=PRESETS["full"]) as session:
        session.target.enter()
        session.target.allocate(20_011)
        session.target.allocate(1009, "raw")
        end(session.victim)
        outcome = session.shipper.wait(30)
        assert (outcome.exit_code, outcome.reason, outcome.detail) == (0, "target_exited", detail)
        np.testing.assert_array_equal(received_ids(scripted.batches), session.target.written_ids)
    (goodbye,) = scripted.goodbyes
    assert goodbye.reason == session_pb2.END_REASON_TARGET_EXITED
    assert goodbye.detail == detail


def test_a_target_that_becomes_another_program_ends_the_session(scripted, address):
    program = "import os, sys; input(); os.execv(sys.executable, [sys.executable, '-c', 'input()'])"
    with shipping(address, program=program) as session:
        session.target.enter()
        session.target.allocate(13)
        until(lambda: scripted.batches, "a batch")
        session.victim.stdin.write(b"\n")
        session.victim.stdin.flush()
        outcome = session.shipper.wait(30)
        assert (outcome.exit_code, outcome.reason) == (0, "target_exited")
        assert "exec" in outcome.detail
        assert session.victim.poll() is None


def test_an_ingest_that_never_comes_leaves_the_target_quiet(address):
    with shipping(address, ingest_timeout_s=0.5) as session:
        session.target.enter()
        session.target.allocate(11)
        outcome = session.shipper.wait(30)
        assert (outcome.exit_code, outcome.reason) == (ShipperExit.INGEST_LOST, "ingest_lost")
        control = session.target.control
        assert control.paused and control.detach


@pytest.mark.parametrize("status", [grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNIMPLEMENTED])
def test_an_ingest_that_refuses_is_not_asked_again(scripted, address, status):
    scripted.refusal = status
    with shipping(address) as session:
        session.target.enter()
        outcome = session.shipper.wait(30)
        assert outcome.exit_code == ShipperExit.INGEST_LOST
        assert status.name in outcome.detail
        assert session.target.control.detach
    assert len(scripted.hellos) == 1


@pytest.mark.parametrize(
    ("hello_ack", "detail"),
    [
        (pb.HelloAck(protocol_version=2), "the server speaks protocol 2, this shipper 1"),
        (pb.HelloAck(protocol_version=1, last_batch=10**18), f"claims batch {10**18}"),
    ],
)
def test_an_ingest_that_cannot_be_ours_is_refused(scripted, address, hello_ack, detail):
    scripted.hello_ack = hello_ack
    with shipping(address) as session:
        session.target.enter()
        session.target.allocate(11)
        outcome = session.shipper.wait(30)
        assert outcome.exit_code == ShipperExit.INGEST_LOST
        assert detail in outcome.detail
        assert session.target.control.detach


def test_an_acknowledgement_of_batches_never_sent_loses_nothing(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        scripted.ack = False
        scripted.commands.put(pb.Command())  # an empty command is no command
        scripted.extra.put(pb.IngestStreamResponse(batch_ack=pb.BatchAck(batch_number=10**12)))
        session.target.allocate(1009)
        until(lambda: sum(batch.events.count for batch in scripted.batches) == 1009, "the events")
        assert session.finish().exit_code == 0


def test_while_acknowledgements_fail_to_come_the_ring_fills_and_memory_stays_bounded(scripted, address):
    scripted.ack = False
    with shipping(address, unacknowledged_bytes_max=100_003) as session:
        target = session.target.enter()
        capacity = target.geometry.capacities.event
        header = target.header
        for _ in range(200):
            target.allocate(1009)
            if header.losses[0].records:
                break
            until(
                lambda: (
                    header.events.head - header.events.tail < capacity - 1009
                    or sum(len(b.events.allocation_id) for b in scripted.batches) > 30_000
                ),
                "room or the bound",
            )
        assert header.losses[0].records
        assert header.events.head - header.events.tail > capacity // 2


def test_a_setting_sent_down_comes_into_force(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        control = session.target.control
        generation, seed = control.generation, control.seed
        config = session_pb2.SamplingConfig(mode=2, value=0.5, stacks=False, depth=3)
        scripted.commands.put(pb.Command(set_sampling=pb.SetSampling(sampling=config)))
        until(lambda: control.generation > generation, "the new setting")
        assert (control.mode, control.value, control.depth, control.stacks) == (2, 0.5, 3, 0)
        assert control.seed == seed
        session.target.sampling(2)
        until(lambda: settings(scripted).keys() == {1, 2}, "the row of the new setting")
        assert settings(scripted)[2].value == 0.5
        session.finish()


def settings(server: ScriptedServer) -> dict[int, object]:
    return {row.sampling_id: row for batch in server.batches for row in batch.dictionary.sampling_settings}


@pytest.mark.parametrize(
    "config",
    [
        session_pb2.SamplingConfig(mode=2, value=1.5),
        session_pb2.SamplingConfig(mode=1, value=float("nan")),
        session_pb2.SamplingConfig(mode=1, value=4096, depth=513),
        session_pb2.SamplingConfig(mode=77, value=1),
    ],
)
def test_a_setting_of_no_sense_never_reaches_the_target(scripted, address, config):
    with shipping(address) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        generation = session.target.control.generation
        scripted.commands.put(pb.Command(set_sampling=pb.SetSampling(sampling=config)))
        scripted.commands.put(pb.Command(flush=pb.Flush()))
        until(lambda: scripted.batches and not scripted.batches[-1].events.count, "the flush behind it")
        assert session.target.control.generation == generation
        session.finish()


def test_pause_flush_and_detach_are_obeyed(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        control = session.target.control
        scripted.commands.put(pb.Command(pause=pb.Pause(paused=True)))
        until(lambda: control.paused, "the pause")
        scripted.commands.put(pb.Command(pause=pb.Pause(paused=False)))
        until(lambda: not control.paused, "its end")
        count = len(scripted.batches)
        scripted.commands.put(pb.Command(flush=pb.Flush()))
        until(lambda: len(scripted.batches) > count, "a batch, even an empty one")
        scripted.commands.put(pb.Command(detach=pb.Detach()))
        until(lambda: control.detach, "the detach")
        session.finish()


def test_losses_reach_the_server_without_any_event(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        session.target.header.losses[layout.LOSSES.index("ALLOC_NO_READER")].records = 7
        until(lambda: scripted.batches and scripted.batches[-1].losses, "the loss")
        (loss,) = scripted.batches[-1].losses
        assert (loss.cause, loss.record_count) == ("alloc_no_reader", 7)
        session.finish()


def test_a_shipper_whose_parent_dies_ships_on(scripted, address):
    with shipping(address) as session:
        session.target.enter()
        until(lambda: scripted.hellos, "the Hello")
        session.shipper._connection.close()
        session.target.allocate(107)
        until(lambda: sum(batch.events.count for batch in scripted.batches) == 107, "the events")
        session.target.leave()
        until(lambda: scripted.goodbyes, "the Goodbye")
        assert session.shipper._process.wait(30) == 0


def test_a_spare_without_a_parent_ends():
    shipper = ShipperProcess.spawn()
    shipper.wait_idle()
    shipper._connection.close()
    assert shipper._process.wait(30) == 0
    shipper.close()


def test_a_dead_shipper_is_a_clear_error_everywhere(address):
    shipper = ShipperProcess.spawn()
    shipper.wait_idle()
    shipper.kill()
    descriptor = os.memfd_create("memscope-test")
    try:
        with pytest.raises(TrackingError) as caught:
            shipper.prepare({}, descriptor)
        assert caught.value.code == "shipper.died"
        with pytest.raises(TrackingError):
            shipper.detach()
        assert shipper.wait(1).exit_code == -signal.SIGKILL
    finally:
        os.close(descriptor)
        shipper.close()


@pytest.mark.parametrize("job", [{}, {"session_id": "xyz"}, {"nonsense": 1}])
def test_a_job_of_no_sense_is_refused(job):
    shipper = ShipperProcess.spawn()
    descriptor = os.memfd_create("memscope-test")
    try:
        with pytest.raises(TrackingError) as caught:
            shipper.prepare(job, descriptor)
        assert caught.value.code == "shipper.not-ready"
        assert shipper.wait(30).exit_code == ShipperExit.BAD_JOB
    finally:
        os.close(descriptor)
        shipper.close()


def test_memory_already_in_use_is_refused(scripted, address):
    with shipping(address) as session:
        other = ShipperProcess.spawn()
        before = bytes(session.target.memory[:192])
        with pytest.raises(TrackingError) as caught:
            other.prepare(session.job, session.target.descriptor)
        assert "already in use" in caught.value.message
        assert bytes(session.target.memory[:192]) == before
        assert other.wait(30).exit_code == ShipperExit.BAD_JOB
        other.close()


def test_a_target_gone_before_the_shim_entered_is_the_end(scripted, address):
    with shipping(address) as session:
        session.victim.kill()
        outcome = session.shipper.wait(30)
        assert (outcome.exit_code, outcome.reason) == (0, "target_exited")
    assert not scripted.hellos


def test_the_shared_memory_cannot_be_shrunk_under_the_target(scripted, address):
    with shipping(address) as session, pytest.raises(PermissionError):
        os.ftruncate(session.target.descriptor, 0)


def test_the_shim_s_own_check_takes_what_the_shipper_lays_out(tmp_path):
    """The C code that refuses a bad session, over memory that the Python side has filled in."""
    root = Path(layout.__file__).parent / "target"
    sources = [str(path) for path in (root / "pure").glob("*.c")]
    library = tmp_path / "pure.so"
    subprocess.run(
        ["gcc", "-std=gnu11", "-shared", "-fPIC", f"-I{root}", f"-I{root}/include", *sources, "-o", library],
        check=True,
    )
    opened = ctypes.CDLL(str(library)).ms_shared_open
    opened.restype = ctypes.c_bool
    for name in ("production", "full"):
        geometry = geometry_for(PRESETS[name])
        target = FakeTarget(geometry)
        SharedMemory.create(target.descriptor, geometry, 1, Sampling.of(PRESETS[name]))
        target.map()
        room = ctypes.create_string_buffer(65536)
        base = ctypes.addressof(ctypes.c_char.from_buffer(target.memory))
        length = ctypes.c_uint64(geometry.total_bytes)
        assert opened(room, ctypes.c_void_p(base), length)
        assert not opened(room, ctypes.c_void_p(base), ctypes.c_uint64(geometry.total_bytes - 4096))
        os.close(target.descriptor)
