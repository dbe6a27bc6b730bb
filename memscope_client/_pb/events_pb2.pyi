from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_ALLOCATE: _ClassVar[EventKind]
    EVENT_KIND_FREE: _ClassVar[EventKind]
    EVENT_KIND_REALLOCATE: _ClassVar[EventKind]

class AllocatorDomain(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALLOCATOR_DOMAIN_RAW: _ClassVar[AllocatorDomain]
    ALLOCATOR_DOMAIN_MEM: _ClassVar[AllocatorDomain]
    ALLOCATOR_DOMAIN_OBJECT: _ClassVar[AllocatorDomain]
    ALLOCATOR_DOMAIN_NATIVE: _ClassVar[AllocatorDomain]

class EventFlag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_FLAG_UNSPECIFIED: _ClassVar[EventFlag]
    EVENT_FLAG_BY_REALLOCATE: _ClassVar[EventFlag]
    EVENT_FLAG_NO_GIL: _ClassVar[EventFlag]
    EVENT_FLAG_UNRESOLVED: _ClassVar[EventFlag]
    EVENT_FLAG_TRUNCATED: _ClassVar[EventFlag]
    EVENT_FLAG_NO_STACK: _ClassVar[EventFlag]
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_ALLOCATE: EventKind
EVENT_KIND_FREE: EventKind
EVENT_KIND_REALLOCATE: EventKind
ALLOCATOR_DOMAIN_RAW: AllocatorDomain
ALLOCATOR_DOMAIN_MEM: AllocatorDomain
ALLOCATOR_DOMAIN_OBJECT: AllocatorDomain
ALLOCATOR_DOMAIN_NATIVE: AllocatorDomain
EVENT_FLAG_UNSPECIFIED: EventFlag
EVENT_FLAG_BY_REALLOCATE: EventFlag
EVENT_FLAG_NO_GIL: EventFlag
EVENT_FLAG_UNRESOLVED: EventFlag
EVENT_FLAG_TRUNCATED: EventFlag
EVENT_FLAG_NO_STACK: EventFlag

class EventColumns(_message.Message):
    __slots__ = ("count", "time_ns", "kind", "domain", "flags", "allocation_id", "other_id", "address", "size_bytes", "weight", "stack_id", "thread_id", "alloc_time_ns", "sampling_id", "type_id", "task_id")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    OTHER_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    STACK_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOC_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    count: int
    time_ns: bytes
    kind: bytes
    domain: bytes
    flags: bytes
    allocation_id: bytes
    other_id: bytes
    address: bytes
    size_bytes: bytes
    weight: bytes
    stack_id: bytes
    thread_id: bytes
    alloc_time_ns: bytes
    sampling_id: bytes
    type_id: bytes
    task_id: bytes
    def __init__(self, count: _Optional[int] = ..., time_ns: _Optional[bytes] = ..., kind: _Optional[bytes] = ..., domain: _Optional[bytes] = ..., flags: _Optional[bytes] = ..., allocation_id: _Optional[bytes] = ..., other_id: _Optional[bytes] = ..., address: _Optional[bytes] = ..., size_bytes: _Optional[bytes] = ..., weight: _Optional[bytes] = ..., stack_id: _Optional[bytes] = ..., thread_id: _Optional[bytes] = ..., alloc_time_ns: _Optional[bytes] = ..., sampling_id: _Optional[bytes] = ..., type_id: _Optional[bytes] = ..., task_id: _Optional[bytes] = ...) -> None: ...

class Loss(_message.Message):
    __slots__ = ("cause", "record_count", "weighted_count", "weighted_bytes")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    RECORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    WEIGHTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    WEIGHTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    cause: str
    record_count: int
    weighted_count: float
    weighted_bytes: float
    def __init__(self, cause: _Optional[str] = ..., record_count: _Optional[int] = ..., weighted_count: _Optional[float] = ..., weighted_bytes: _Optional[float] = ...) -> None: ...
