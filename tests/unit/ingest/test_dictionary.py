from __future__ import annotations

import pytest

from memscope_daemon._pb import dictionary_pb2
from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.ingest import dictionary
from memscope_daemon.ingest.numbering import BatchNumbers, Verdict
from memscope_daemon.metadata.tables import NO_FRAME, FrameNames, Tables
from tests.unit.server import mini_shipper


def merged(*messages: dictionary_pb2.Dictionary) -> Tables:
    tables = Tables()
    for message in messages:
        tables.add(dictionary.decode(message, tables))
    return tables


def test_a_site_is_the_innermost_frame_with_its_names() -> None:
    tables = merged(mini_shipper.dictionary(3))
    assert tables.site(2) == FrameNames("allocate_2", "file_2.py", 2)
    assert [frame.function for frame in tables.outermost_first(2)] == ["main", "allocate_2"]
    assert tables.site(0) == tables.site(99) == NO_FRAME


def test_the_same_rows_again_change_nothing() -> None:
    message = mini_shipper.dictionary(3)
    tables = merged(message)
    again = dictionary.decode(message, tables)
    assert not (again.strings or again.frames or again.stacks or again.settings)


def test_a_later_row_replaces_a_thread() -> None:
    tables = merged(mini_shipper.dictionary(1))
    later = dictionary_pb2.Dictionary()
    later.strings.add(string_id=99, text="worker")
    later.threads.add(thread_id=1, native_id=101, name_string_id=99)
    tables.add(dictionary.decode(later, tables))
    assert tables.thread_name(1) == "worker"
    assert tables.thread_name(2) == ""


def refusals() -> list[tuple[str, dictionary_pb2.Dictionary]]:
    made = [dictionary_pb2.Dictionary() for _ in range(8)]
    made[0].strings.add(string_id=0, text="zero is not set")
    made[1].strings.add(string_id=(1 << 32) - 1, text="far out")
    made[2].frames.add(frame_id=77, function_string_id=4711)
    made[3].stacks.add(stack_id=77, frame_ids=[4711])
    made[4].strings.add(string_id=1, text="another text")
    made[5].stacks.add(stack_id=77, frame_ids=[1] * 513)
    made[6].sampling_settings.add(sampling_id=2, mode=2, value=1.5)
    made[7].threads.add(thread_id=5, name_string_id=4711)
    reasons = [
        "string number 0 is out of range",
        "string number 4294967295 is out of range",
        "refers to string 4711, which was never sent",
        "refers to frame 4711, which was never sent",
        "string 1 was sent before, and was another one",
        "has 513 frames",
        "makes no sense in mode rate",
        "refers to string 4711",
    ]
    return list(zip(reasons, made, strict=True))


@pytest.mark.parametrize(("reason", "message"), refusals())
def test_rows_that_make_no_sense_are_refused_and_change_nothing(
    reason: str, message: dictionary_pb2.Dictionary
) -> None:
    tables = merged(mini_shipper.dictionary(1))
    strings = dict(tables.strings)
    with pytest.raises(MemoryOperationError, match=reason):
        dictionary.decode(message, tables)
    assert tables.strings == strings


def test_batches_are_taken_once_and_gaps_are_counted() -> None:
    numbers = BatchNumbers()
    taken = []
    for number in (1, 2, 2, 1, 5, 4, 6):
        verdict = numbers.judge(number)
        taken.append(verdict)
        if verdict is not Verdict.DUPLICATE:
            numbers.take(number)
    new, duplicate = Verdict.NEW, Verdict.DUPLICATE
    assert taken == [new, new, duplicate, duplicate, Verdict.AFTER_GAP, duplicate, new]
    assert (numbers.last, numbers.missing_batches) == (6, 2)
