"""Clients of a daemon that are broken, or mean it, while it looks after a target."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Iterator

import grpc

from memscope_client import Sampling
from memscope_daemon._pb import dictionary_pb2, events_pb2, session_pb2
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.monitor.process import resident_bytes
from memscope_daemon.server.ingest_service import STREAMS_MAX
from tests.support.daemon import Serving
from tests.support.drills.rig import Rig, any_target, check_counts
from tests.support.rings import RingView
from tests.support.waiting import until

METHOD = "/memscope.v1.Ingest/Stream"
ATTACKS = 12
STREAMS = 2000
CONNECTIONS = 4
EVENTS = 1 << 16
WAIT_S = 30.0
#: Hundreds of streams have their stacks and buffers, and what was freed is not given back at once.
GROWN_BYTES_MAX = 600 << 20
MIB = 1 << 20
#: What a call that was hostile may end with.
CLEAR = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,  # gRPC's own word for bytes that are no message
    grpc.StatusCode.CANCELLED,  # ours
}

Requests = Iterator[bytes]


def hello(dice: random.Random) -> bytes:
    greeting = pb.Hello(
        protocol_version=1,
        session_id=f"{dice.randrange(1 << 64):016x}",
        target=session_pb2.Target(program="hostile" * dice.randrange(1000)),
        sampling=session_pb2.SamplingConfig(mode=2, value=1.0),
    )
    return pb.IngestStreamRequest(hello=greeting).SerializeToString()


def batch(number: int, **fields: object) -> bytes:
    message = pb.Batch(batch_number=number, **fields)  # type: ignore[arg-type]
    return pb.IngestStreamRequest(batch=message).SerializeToString()


def goodbye() -> bytes:
    return pb.IngestStreamRequest(goodbye=pb.Goodbye(reason=1)).SerializeToString()  # type: ignore[arg-type]


def noise(dice: random.Random) -> Requests:
    """Bytes that are no message, with and without a Hello before them."""
    if dice.random() < 0.5:
        yield hello(dice)
    yield dice.randbytes(dice.randrange(1, 100_003))


def claims(dice: random.Random) -> Requests:
    """Many events, by their number alone."""
    yield hello(dice)
    yield batch(1, events=events_pb2.EventColumns(count=dice.choice((EVENTS, 1 << 22, (1 << 32) - 1))))


def far_rows(dice: random.Random) -> Requests:
    """A row and an event with numbers as far out as is let."""
    yield hello(dice)
    rows, number = dictionary_pb2.Dictionary(), dice.choice((65_535, 65_536, 1 << 20, (1 << 32) - 1))
    rows.stacks.add(stack_id=number)
    yield batch(1, dictionary=rows, events=some_events(1, number))
    yield goodbye()


def some_events(count: int, stack: int = 0) -> events_pb2.EventColumns:
    return events_pb2.EventColumns(
        count=count,
        kind=b"\x01" * count,
        allocation_id=b"".join(number.to_bytes(8, "little") for number in range(1, count + 1)),
        weight=b"\0\0\0\0\0\0\xf0\x3f" * count,
        stack_id=stack.to_bytes(4, "little") * count,
    )


def full_batches(dice: random.Random) -> Requests:
    """As many events as a batch may have, again and again."""
    yield hello(dice)
    events = some_events(EVENTS)
    for number in range(1, dice.randrange(2, 20)):
        yield batch(number, events=events)
    yield goodbye()


def long_names(dice: random.Random) -> Requests:
    """Names without end."""
    yield hello(dice)
    for number in range(1, 40):
        rows = dictionary_pb2.Dictionary()
        for at in range(50):
            rows.strings.add(string_id=50 * number + at - 49, text=chr(dice.randrange(33, 126)) * 65_536)
        yield batch(number, dictionary=rows)
    yield goodbye()


def huge(dice: random.Random) -> Requests:
    """One message beyond all bounds."""
    yield hello(dice)
    yield batch(1, dictionary=dictionary_pb2.Dictionary(strings=[{"text": "x" * (17 << 20)}]))


def nothings(dice: random.Random) -> Requests:
    """Batches without anything in them, a thousand."""
    yield hello(dice)
    for number in range(1, 1001):
        yield batch(number)
    yield goodbye()


CALLS: tuple[Callable[[random.Random], Requests], ...] = (
    noise,
    claims,
    far_rows,
    full_batches,
    long_names,
    huge,
    nothings,
)


def call(daemon: Serving, requests: Requests) -> grpc.StatusCode | None:
    """One stream, its answers read; the status it ends with, None: it ended well."""
    with grpc.insecure_channel(
        daemon.address, [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        try:
            for _ in channel.stream_stream(METHOD)(requests, timeout=WAIT_S):
                pass
        except grpc.RpcError as error:
            return error.code()
    return None


def plain_noise(daemon: Serving, dice: random.Random) -> None:
    """A connection that speaks something else."""
    with socket.socket(socket.AF_UNIX) as raw, contextlib.suppress(OSError):
        raw.settimeout(1.0)
        raw.connect(daemon.address.removeprefix("unix:"))
        raw.sendall(dice.randbytes(dice.randrange(1, 50_021)))
        raw.recv(4096)


async def silent_streams(address: str) -> int:
    """Thousands of streams that say nothing; how many were sent away at once."""
    channels = [grpc.aio.insecure_channel(address) for _ in range(CONNECTIONS)]
    ask = [channel.stream_stream(METHOD) for channel in channels]
    calls = [ask[number % CONNECTIONS](timeout=WAIT_S) for number in range(STREAMS)]
    waiting = {asyncio.ensure_future(one.code()) for one in calls}
    ended: set[asyncio.Future[grpc.StatusCode]] = set()
    while len(ended) < STREAMS - STREAMS_MAX and waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        ended |= done
    codes = [one.result() for one in ended]
    assert set(codes) <= CLEAR, set(codes)
    for one in calls:
        one.cancel()
    await asyncio.gather(*waiting)
    for channel in channels:
        await channel.close()
    return codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED)


def hostile_clients(rig: Rig, dice: random.Random) -> str:
    """Each ends with a clear status; the daemon stays small, and its own session right to the last event."""
    with any_target(dice) as target:
        session = rig.daemon.client.attach(target.pid, Sampling.bytes(64 << 10)).result()
        before = resident_bytes(rig.daemon.process.pid) or 0
        ends: dict[str, int] = {}
        with RingView(target.pid) as rings:
            for _ in range(ATTACKS):
                attack = dice.choice(CALLS)
                code = call(rig.daemon, attack(dice))
                assert code is None or code in CLEAR, (attack.__name__, code)
                name = code.name.lower() if code else "served"
                ends[name] = ends.get(name, 0) + 1
                plain_noise(rig.daemon, dice)
            sent_away = asyncio.run(silent_streams(rig.daemon.address))
            until(lambda: is_served(rig.daemon), "others to be served again")
            grown = (resident_bytes(rig.daemon.process.pid) or 0) - before
            assert grown < GROWN_BYTES_MAX, f"the daemon has grown by {grown / MIB:.0f} MiB"
            target.works()
            rig.daemon.client.detach(session.session_id)
            counts = check_counts(rig.daemon.client.report(session.session_id), rings)
        target.works()
        target.end()
    told = ", ".join(f"{count} {name}" for name, count in sorted(ends.items()))
    return f"{told}; of {STREAMS} streams {sent_away} sent away; grown by {grown / MIB:.0f} MiB; {counts}"


def is_served(daemon: Serving) -> bool:
    """A stream of nothing but a Hello and a Goodbye ends well."""
    return call(daemon, iter((hello(random.Random()), goodbye()))) is None
