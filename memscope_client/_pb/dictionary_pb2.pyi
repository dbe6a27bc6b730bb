from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SamplingMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLING_MODE_UNSPECIFIED: _ClassVar[SamplingMode]
    SAMPLING_MODE_BYTES: _ClassVar[SamplingMode]
    SAMPLING_MODE_RATE: _ClassVar[SamplingMode]
SAMPLING_MODE_UNSPECIFIED: SamplingMode
SAMPLING_MODE_BYTES: SamplingMode
SAMPLING_MODE_RATE: SamplingMode

class String(_message.Message):
    __slots__ = ("string_id", "text")
    STRING_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    string_id: int
    text: str
    def __init__(self, string_id: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("frame_id", "function_string_id", "file_string_id", "line", "first_line", "end_line", "start_column", "end_column")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_STRING_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_STRING_ID_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    FIRST_LINE_FIELD_NUMBER: _ClassVar[int]
    END_LINE_FIELD_NUMBER: _ClassVar[int]
    START_COLUMN_FIELD_NUMBER: _ClassVar[int]
    END_COLUMN_FIELD_NUMBER: _ClassVar[int]
    frame_id: int
    function_string_id: int
    file_string_id: int
    line: int
    first_line: int
    end_line: int
    start_column: int
    end_column: int
    def __init__(self, frame_id: _Optional[int] = ..., function_string_id: _Optional[int] = ..., file_string_id: _Optional[int] = ..., line: _Optional[int] = ..., first_line: _Optional[int] = ..., end_line: _Optional[int] = ..., start_column: _Optional[int] = ..., end_column: _Optional[int] = ...) -> None: ...

class Stack(_message.Message):
    __slots__ = ("stack_id", "frame_ids", "truncated")
    STACK_ID_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    stack_id: int
    frame_ids: _containers.RepeatedScalarFieldContainer[int]
    truncated: bool
    def __init__(self, stack_id: _Optional[int] = ..., frame_ids: _Optional[_Iterable[int]] = ..., truncated: bool = ...) -> None: ...

class Thread(_message.Message):
    __slots__ = ("thread_id", "native_id", "python_id", "name_string_id", "first_seen_ns")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_STRING_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_NS_FIELD_NUMBER: _ClassVar[int]
    thread_id: int
    native_id: int
    python_id: int
    name_string_id: int
    first_seen_ns: int
    def __init__(self, thread_id: _Optional[int] = ..., native_id: _Optional[int] = ..., python_id: _Optional[int] = ..., name_string_id: _Optional[int] = ..., first_seen_ns: _Optional[int] = ...) -> None: ...

class SamplingSetting(_message.Message):
    __slots__ = ("sampling_id", "mode", "value", "depth", "stacks", "seed", "since_ns")
    SAMPLING_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    sampling_id: int
    mode: SamplingMode
    value: float
    depth: int
    stacks: bool
    seed: int
    since_ns: int
    def __init__(self, sampling_id: _Optional[int] = ..., mode: _Optional[_Union[SamplingMode, str]] = ..., value: _Optional[float] = ..., depth: _Optional[int] = ..., stacks: bool = ..., seed: _Optional[int] = ..., since_ns: _Optional[int] = ...) -> None: ...

class Dictionary(_message.Message):
    __slots__ = ("strings", "frames", "stacks", "threads", "sampling_settings")
    STRINGS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_SETTINGS_FIELD_NUMBER: _ClassVar[int]
    strings: _containers.RepeatedCompositeFieldContainer[String]
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    stacks: _containers.RepeatedCompositeFieldContainer[Stack]
    threads: _containers.RepeatedCompositeFieldContainer[Thread]
    sampling_settings: _containers.RepeatedCompositeFieldContainer[SamplingSetting]
    def __init__(self, strings: _Optional[_Iterable[_Union[String, _Mapping]]] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., stacks: _Optional[_Iterable[_Union[Stack, _Mapping]]] = ..., threads: _Optional[_Iterable[_Union[Thread, _Mapping]]] = ..., sampling_settings: _Optional[_Iterable[_Union[SamplingSetting, _Mapping]]] = ...) -> None: ...
