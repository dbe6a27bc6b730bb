from memscope_daemon._pb import dictionary_pb2 as _dictionary_pb2
from memscope_daemon._pb import events_pb2 as _events_pb2
from memscope_daemon._pb import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IngestStreamRequest(_message.Message):
    __slots__ = ("hello", "batch", "goodbye")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    batch: Batch
    goodbye: Goodbye
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class IngestStreamResponse(_message.Message):
    __slots__ = ("hello_ack", "batch_ack", "command")
    HELLO_ACK_FIELD_NUMBER: _ClassVar[int]
    BATCH_ACK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    hello_ack: HelloAck
    batch_ack: BatchAck
    command: Command
    def __init__(self, hello_ack: _Optional[_Union[HelloAck, _Mapping]] = ..., batch_ack: _Optional[_Union[BatchAck, _Mapping]] = ..., command: _Optional[_Union[Command, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_version", "session_id", "target", "sampling", "started_unix_ns", "shipper_version")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    SHIPPER_VERSION_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    session_id: str
    target: _session_pb2.Target
    sampling: _session_pb2.SamplingConfig
    started_unix_ns: int
    shipper_version: str
    def __init__(self, protocol_version: _Optional[int] = ..., session_id: _Optional[str] = ..., target: _Optional[_Union[_session_pb2.Target, _Mapping]] = ..., sampling: _Optional[_Union[_session_pb2.SamplingConfig, _Mapping]] = ..., started_unix_ns: _Optional[int] = ..., shipper_version: _Optional[str] = ...) -> None: ...

class HelloAck(_message.Message):
    __slots__ = ("protocol_version", "last_batch")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_BATCH_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    last_batch: int
    def __init__(self, protocol_version: _Optional[int] = ..., last_batch: _Optional[int] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("batch_number", "time_ns", "dictionary", "events", "losses", "produced_count", "shipped_count", "live_block_count", "cut_off_ns", "passes")
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    PRODUCED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHIPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIVE_BLOCK_COUNT_FIELD_NUMBER: _ClassVar[int]
    CUT_OFF_NS_FIELD_NUMBER: _ClassVar[int]
    PASSES_FIELD_NUMBER: _ClassVar[int]
    batch_number: int
    time_ns: int
    dictionary: _dictionary_pb2.Dictionary
    events: _events_pb2.EventColumns
    losses: _containers.RepeatedCompositeFieldContainer[_events_pb2.Loss]
    produced_count: int
    shipped_count: int
    live_block_count: int
    cut_off_ns: int
    passes: PassCosts
    def __init__(self, batch_number: _Optional[int] = ..., time_ns: _Optional[int] = ..., dictionary: _Optional[_Union[_dictionary_pb2.Dictionary, _Mapping]] = ..., events: _Optional[_Union[_events_pb2.EventColumns, _Mapping]] = ..., losses: _Optional[_Iterable[_Union[_events_pb2.Loss, _Mapping]]] = ..., produced_count: _Optional[int] = ..., shipped_count: _Optional[int] = ..., live_block_count: _Optional[int] = ..., cut_off_ns: _Optional[int] = ..., passes: _Optional[_Union[PassCosts, _Mapping]] = ...) -> None: ...

class PassCosts(_message.Message):
    __slots__ = ("timed_one_in", "gil_timed_count", "gil_timed_ns", "raw_timed_count", "raw_timed_ns")
    TIMED_ONE_IN_FIELD_NUMBER: _ClassVar[int]
    GIL_TIMED_COUNT_FIELD_NUMBER: _ClassVar[int]
    GIL_TIMED_NS_FIELD_NUMBER: _ClassVar[int]
    RAW_TIMED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RAW_TIMED_NS_FIELD_NUMBER: _ClassVar[int]
    timed_one_in: int
    gil_timed_count: int
    gil_timed_ns: int
    raw_timed_count: int
    raw_timed_ns: int
    def __init__(self, timed_one_in: _Optional[int] = ..., gil_timed_count: _Optional[int] = ..., gil_timed_ns: _Optional[int] = ..., raw_timed_count: _Optional[int] = ..., raw_timed_ns: _Optional[int] = ...) -> None: ...

class BatchAck(_message.Message):
    __slots__ = ("batch_number",)
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    batch_number: int
    def __init__(self, batch_number: _Optional[int] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason", "detail", "last_batch")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    LAST_BATCH_FIELD_NUMBER: _ClassVar[int]
    reason: _session_pb2.EndReason
    detail: str
    last_batch: int
    def __init__(self, reason: _Optional[_Union[_session_pb2.EndReason, str]] = ..., detail: _Optional[str] = ..., last_batch: _Optional[int] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("set_sampling", "pause", "flush", "detach")
    SET_SAMPLING_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    set_sampling: SetSampling
    pause: Pause
    flush: Flush
    detach: Detach
    def __init__(self, set_sampling: _Optional[_Union[SetSampling, _Mapping]] = ..., pause: _Optional[_Union[Pause, _Mapping]] = ..., flush: _Optional[_Union[Flush, _Mapping]] = ..., detach: _Optional[_Union[Detach, _Mapping]] = ...) -> None: ...

class SetSampling(_message.Message):
    __slots__ = ("sampling",)
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    sampling: _session_pb2.SamplingConfig
    def __init__(self, sampling: _Optional[_Union[_session_pb2.SamplingConfig, _Mapping]] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ("paused",)
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    paused: bool
    def __init__(self, paused: bool = ...) -> None: ...

class Flush(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Detach(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
