"""From the rings to numbered batches: reads, checks, merges, encodes. One object, one thread.

What the shipper itself had to throw away is counted beside the shim's losses:

* ``bad_record``: a record that cannot be an event.
* ``bad_reference``: an event kept, whose stack, thread or setting was never described.
* ``bad_metadata``: an entry that cannot be read, or that describes again what never changes.
* ``bad_ring``: a ring whose counters cannot be; it is not read any more.
* ``shipper_died``: an earlier shipper had read the record, and died before anybody else had it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from memscope_daemon import clock
from memscope_daemon._pb import dictionary_pb2, events_pb2
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.shim.job import Resume
from memscope_daemon.shim.layout import TIMED_EACH
from memscope_daemon.shim.shipper import columns, rings
from memscope_daemon.shim.shipper.dictionary import DictionaryWriter
from memscope_daemon.shim.shipper.line_tables import line_table_of
from memscope_daemon.shim.shipper.metadata import MetadataReader, SamplingInForce
from memscope_daemon.shim.shipper.salvage import salvage
from memscope_daemon.shim.shipper.shared import LossFigures, Sampling, SharedMemory

#: Bounds a batch to about 2.4 MB of columns, so that with its dictionary (1 MiB) it stays under the 4 MiB
#: that a grpc server takes unless told otherwise.
BATCH_EVENTS_MAX = 32 << 10
_ENTRIES_PER_BEAT = 1024
_LAPS_MAX = 4  # of metadata that is read before any event


class Drain:
    """Reads the rings of ``shared`` and hands finished batches to ``emit`` (serialized requests)."""

    def __init__(self, shared: SharedMemory, start_ns: int, emit: Callable[[bytes], None]) -> None:
        geometry = shared.geometry
        sizes = geometry.capacities
        self._shared = shared
        self._start_ns = start_ns
        self._emit = emit
        self._events = rings.record_ring(shared.map, geometry.events_offset, sizes.event)
        self._raw = rings.record_ring(shared.map, geometry.raw_offset, sizes.raw)
        self._meta = rings.meta_ring(shared.map, geometry.meta_offset, sizes.meta)
        self._metadata = MetadataReader()
        self._dictionary = DictionaryWriter(start_ns, self._commanded)
        self._commands: list[Sampling] = []
        self.latest_ns = [0, 0, 0]  # CLOCK_MONOTONIC of the newest record of each domain
        self._waiting: list[rings.Records] = []
        self._bad_record_count = 0
        self._bad_reference_count = 0
        self._skipped = (0, 0)
        self._earlier_losses: dict[str, int] = {}
        self.cut_off_ns = 0  # session time, as on the wire
        self._sent_losses: list[LossFigures] = []
        self._drained_heads = (0, 0, 0)  # with nothing left between them and the tails
        self.fill = 0.0  # of the fullest ring at the last look, 0..1
        self.waiting_count = 0  # events read and not yet in a batch
        self.batch_count = 0
        self.shipped_count = 0

    def go_on(self, resume: Resume) -> None:
        """Behind a shipper that died: from what the rings still hold of what it read and did not ship."""
        self._choose_line_table()
        self._dictionary.go_on(resume)
        self._earlier_losses = resume.losses
        self.batch_count, self.shipped_count = resume.last_batch, resume.shipped_count
        found = salvage(self._shared, resume, self._events, self._raw, self._meta)
        for entry in self._metadata.read(found.metadata):
            self._dictionary.learn(entry)
        self._metadata.bad_count = 0  # the shipper before has counted them
        self._read_metadata_up_to(self._shared.heads()[2])
        self._skipped = found.skipped
        self._keep(columns.merge(found.events, found.raw))

    def note_command(self, sampling: Sampling) -> None:
        """Remembers a setting that the shim is about to name."""
        self._commands = [*self._commands[-15:], sampling]

    @property
    def skipped(self) -> tuple[int, int]:
        """Records of either ring that were lost with an earlier shipper."""
        return self._skipped

    @property
    def produced_count(self) -> int:
        """Records the target has written, as far as we have looked."""
        return self._events.head + self._raw.head

    @property
    def pending(self) -> bool:
        """Whether anything read waits for its batch."""
        return bool(self._waiting) or self._dictionary.pending

    def has_read(self, heads: tuple[int, int, int]) -> bool:
        """Whether all events up to these heads have been read."""
        return self._events.tail >= heads[0] and self._raw.tail >= heads[1]

    def read(self, limit: int = BATCH_EVENTS_MAX) -> int:
        """Takes up to ``limit`` records from each ring, and all metadata. Returns how many records."""
        if self._dictionary.line_table is None:
            self._choose_line_table()
        heads = self._shared.heads()
        if heads == self._drained_heads:
            self.fill = 0.0
            return 0
        events_head, raw_head, meta_head = heads
        self._events.see(events_head)
        self._raw.see(raw_head)
        self._meta.see(meta_head)
        self.fill = max(ring.pending / ring.capacity for ring in (self._events, self._raw, self._meta))
        self._read_metadata_up_to(meta_head)
        events = self._events.take(limit)
        raw = self._raw.take(limit)
        if not self._events.pending and not self._raw.pending:
            self._drained_heads = heads
        if len(events):
            self._shared.write_tail("events", self._events.tail)
        if len(raw):
            self._shared.write_tail("raw", self._raw.tail)
        return self._keep(columns.merge(events, raw))

    def flush(self, now_ns: int, *, even_empty: bool = False) -> None:
        """Puts everything read so far into batches."""
        if not self.pending and not even_empty:
            return
        records = np.concatenate(self._waiting) if self._waiting else np.empty(0, rings.RECORD)
        self._waiting, self.waiting_count = [], 0
        rows = self._dictionary.rows()
        for piece in rows[:-1]:
            self._batch(piece, records[:0], now_ns)
        last = rows[-1] if rows else None
        for at in range(0, max(1, len(records)), BATCH_EVENTS_MAX):
            self._batch(last, records[at : at + BATCH_EVENTS_MAX], now_ns)
            last = None

    @property
    def losses_changed(self) -> bool:
        """Whether the last batch's losses are out of date."""
        return self._losses() != self._sent_losses

    def _read_metadata_up_to(self, head: int) -> None:
        """To understand megabytes of it takes a while: what comes meanwhile is taken out of the ring, which
        would fill."""
        runs, laps_end = self._metadata_run(head), self._meta.tail + _LAPS_MAX * self._meta.capacity
        for run in runs:
            for index, entry in enumerate(self._metadata.read(run)):
                self._dictionary.take(entry)
                if index % _ENTRIES_PER_BEAT == _ENTRIES_PER_BEAT - 1:
                    self._shared.beat(clock.monotonic_ns())
                    if self._meta.tail < laps_end:
                        runs += self._metadata_run(self._shared.heads()[2])

    def _metadata_run(self, head: int) -> list[bytes]:
        """All that is in the ring, if there is anything."""
        self._meta.see(head)
        run = self._meta.take(self._meta.capacity).tobytes()
        if not run:
            return []
        self._shared.write_tail("meta", self._meta.tail)
        return [run]

    def _keep(self, records: rings.Records) -> int:
        if len(records):
            known = self._dictionary
            self._note_latest(records)
            checked = columns.check(records, known.stacks, known.threads, known.samplings)
            self._bad_record_count += checked.bad_count
            self._bad_reference_count += checked.bad_reference_count
            self._waiting.append(checked.records)
            self.waiting_count += len(checked.records)
        return len(records)

    def _note_latest(self, records: rings.Records) -> None:
        for domain in range(len(self.latest_ns)):
            times = records["time_ns"][records["domain"] == domain]
            if len(times):
                self.latest_ns[domain] = max(self.latest_ns[domain], int(times.max()))

    def _batch(self, rows: dictionary_pb2.Dictionary | None, records: rings.Records, now_ns: int) -> None:
        self.batch_count += 1
        self.shipped_count += len(records)
        self._sent_losses = self._losses()
        batch = pb.Batch(
            batch_number=self.batch_count,
            time_ns=max(0, now_ns - self._start_ns),
            dictionary=rows,
            events=columns.encode(records, self._start_ns, now_ns) if len(records) else None,
            losses=[_loss(figures) for figures in self._sent_losses],
            produced_count=self.produced_count,
            shipped_count=self.shipped_count,
            live_block_count=self._shared.status().live_block_count,
            cut_off_ns=self.cut_off_ns,
            passes=pb.PassCosts(timed_one_in=TIMED_EACH, **dataclasses.asdict(self._shared.passes())),
        )
        self._emit(pb.IngestStreamRequest(batch=batch).SerializeToString())

    def _losses(self) -> list[LossFigures]:
        bad_metadata = self._metadata.bad_count + self._dictionary.stray_count
        bad_rings = sum(ring.broken for ring in (self._events, self._raw, self._meta))
        own = {
            "bad_record": self._bad_record_count,
            "bad_reference": self._bad_reference_count,
            "bad_metadata": bad_metadata,
            "bad_ring": bad_rings,
            "shipper_died": sum(self._skipped),
        }
        sums = {cause: count + self._earlier_losses.get(cause, 0) for cause, count in own.items()}
        return self._shared.losses() + [
            LossFigures(cause, count, float(count), 0.0) for cause, count in sums.items() if count
        ]

    def _choose_line_table(self) -> None:
        version = self._shared.status().python_hexversion
        self._dictionary.line_table = line_table_of((version >> 24, (version >> 16) & 0xFF))

    def _commanded(self, met: SamplingInForce) -> Sampling | None:
        for sampling in reversed(self._commands):
            if (sampling.mode, sampling.value, sampling.depth) == (met.mode, met.value, met.depth):
                return sampling
        return None


def _loss(figures: LossFigures) -> events_pb2.Loss:
    return events_pb2.Loss(
        cause=figures.cause,
        record_count=figures.record_count,
        weighted_count=figures.weighted_count,
        weighted_bytes=figures.weighted_bytes,
    )
