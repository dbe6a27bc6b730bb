from memscope_client._pb import dictionary_pb2 as _dictionary_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_STARTING: _ClassVar[SessionState]
    SESSION_STATE_ACTIVE: _ClassVar[SessionState]
    SESSION_STATE_ENDED: _ClassVar[SessionState]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_DETACHED: _ClassVar[EndReason]
    END_REASON_TARGET_EXITED: _ClassVar[EndReason]
    END_REASON_SHIPPER_LOST: _ClassVar[EndReason]
    END_REASON_ATTACH_FAILED: _ClassVar[EndReason]
    END_REASON_OVER_BUDGET: _ClassVar[EndReason]

class Step(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_UNSPECIFIED: _ClassVar[Step]
    STEP_FULL: _ClassVar[Step]
    STEP_SHALLOWER_STACKS: _ClassVar[Step]
    STEP_FEWER_SAMPLES: _ClassVar[Step]
    STEP_COUNTERS_ONLY: _ClassVar[Step]
    STEP_DETACHED: _ClassVar[Step]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_STARTING: SessionState
SESSION_STATE_ACTIVE: SessionState
SESSION_STATE_ENDED: SessionState
END_REASON_UNSPECIFIED: EndReason
END_REASON_DETACHED: EndReason
END_REASON_TARGET_EXITED: EndReason
END_REASON_SHIPPER_LOST: EndReason
END_REASON_ATTACH_FAILED: EndReason
END_REASON_OVER_BUDGET: EndReason
STEP_UNSPECIFIED: Step
STEP_FULL: Step
STEP_SHALLOWER_STACKS: Step
STEP_FEWER_SAMPLES: Step
STEP_COUNTERS_ONLY: Step
STEP_DETACHED: Step

class Target(_message.Message):
    __slots__ = ("pid", "start_time_ticks", "program", "python_version", "host")
    PID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_TICKS_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    PYTHON_VERSION_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    pid: int
    start_time_ticks: int
    program: str
    python_version: str
    host: str
    def __init__(self, pid: _Optional[int] = ..., start_time_ticks: _Optional[int] = ..., program: _Optional[str] = ..., python_version: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

class SamplingConfig(_message.Message):
    __slots__ = ("mode", "value", "stacks", "depth", "seed", "seed_given", "preset")
    MODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SEED_GIVEN_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    mode: _dictionary_pb2.SamplingMode
    value: float
    stacks: bool
    depth: int
    seed: int
    seed_given: bool
    preset: str
    def __init__(self, mode: _Optional[_Union[_dictionary_pb2.SamplingMode, str]] = ..., value: _Optional[float] = ..., stacks: bool = ..., depth: _Optional[int] = ..., seed: _Optional[int] = ..., seed_given: bool = ..., preset: _Optional[str] = ...) -> None: ...

class TargetStop(_message.Message):
    __slots__ = ("purpose", "duration_ns", "interrupted_call")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_CALL_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    duration_ns: int
    interrupted_call: bool
    def __init__(self, purpose: _Optional[str] = ..., duration_ns: _Optional[int] = ..., interrupted_call: bool = ...) -> None: ...

class AttachFigures(_message.Message):
    __slots__ = ("route", "stops", "total_ns", "waited_for_gil_ns")
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    STOPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_NS_FIELD_NUMBER: _ClassVar[int]
    WAITED_FOR_GIL_NS_FIELD_NUMBER: _ClassVar[int]
    route: str
    stops: _containers.RepeatedCompositeFieldContainer[TargetStop]
    total_ns: int
    waited_for_gil_ns: int
    def __init__(self, route: _Optional[str] = ..., stops: _Optional[_Iterable[_Union[TargetStop, _Mapping]]] = ..., total_ns: _Optional[int] = ..., waited_for_gil_ns: _Optional[int] = ...) -> None: ...

class AutoExport(_message.Message):
    __slots__ = ("folder", "every_s", "formats", "keep_count")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    KEEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    folder: str
    every_s: float
    formats: _containers.RepeatedScalarFieldContainer[str]
    keep_count: int
    def __init__(self, folder: _Optional[str] = ..., every_s: _Optional[float] = ..., formats: _Optional[_Iterable[str]] = ..., keep_count: _Optional[int] = ...) -> None: ...

class AutoExportStatus(_message.Message):
    __slots__ = ("written_unix_ns", "written_count", "skipped_count", "error_code", "error_message")
    WRITTEN_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    written_unix_ns: int
    written_count: int
    skipped_count: int
    error_code: str
    error_message: str
    def __init__(self, written_unix_ns: _Optional[int] = ..., written_count: _Optional[int] = ..., skipped_count: _Optional[int] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "target", "state", "end_reason", "end_detail", "started_unix_ns", "duration_ns", "sampling", "attach", "detach", "store_path", "max_overhead_percent", "step", "paused", "auto_export", "auto_export_status")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    END_REASON_FIELD_NUMBER: _ClassVar[int]
    END_DETAIL_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    STORE_PATH_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERHEAD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    AUTO_EXPORT_FIELD_NUMBER: _ClassVar[int]
    AUTO_EXPORT_STATUS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    target: Target
    state: SessionState
    end_reason: EndReason
    end_detail: str
    started_unix_ns: int
    duration_ns: int
    sampling: SamplingConfig
    attach: AttachFigures
    detach: AttachFigures
    store_path: str
    max_overhead_percent: float
    step: Step
    paused: bool
    auto_export: AutoExport
    auto_export_status: AutoExportStatus
    def __init__(self, session_id: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., state: _Optional[_Union[SessionState, str]] = ..., end_reason: _Optional[_Union[EndReason, str]] = ..., end_detail: _Optional[str] = ..., started_unix_ns: _Optional[int] = ..., duration_ns: _Optional[int] = ..., sampling: _Optional[_Union[SamplingConfig, _Mapping]] = ..., attach: _Optional[_Union[AttachFigures, _Mapping]] = ..., detach: _Optional[_Union[AttachFigures, _Mapping]] = ..., store_path: _Optional[str] = ..., max_overhead_percent: _Optional[float] = ..., step: _Optional[_Union[Step, str]] = ..., paused: bool = ..., auto_export: _Optional[_Union[AutoExport, _Mapping]] = ..., auto_export_status: _Optional[_Union[AutoExportStatus, _Mapping]] = ...) -> None: ...
