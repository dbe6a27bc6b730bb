from memscope_daemon._pb import report_pb2 as _report_pb2
from memscope_daemon._pb import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorDetail(_message.Message):
    __slots__ = ("code", "message", "next_step", "exit_code", "severity")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    next_step: str
    exit_code: int
    severity: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., next_step: _Optional[str] = ..., exit_code: _Optional[int] = ..., severity: _Optional[str] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("version", "protocol_version", "pid")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    version: str
    protocol_version: int
    pid: int
    def __init__(self, version: _Optional[str] = ..., protocol_version: _Optional[int] = ..., pid: _Optional[int] = ...) -> None: ...

class AttachRequest(_message.Message):
    __slots__ = ("pid", "sampling", "max_overhead_percent", "history", "auto_export")
    PID_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERHEAD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    AUTO_EXPORT_FIELD_NUMBER: _ClassVar[int]
    pid: int
    sampling: _session_pb2.SamplingConfig
    max_overhead_percent: float
    history: str
    auto_export: _session_pb2.AutoExport
    def __init__(self, pid: _Optional[int] = ..., sampling: _Optional[_Union[_session_pb2.SamplingConfig, _Mapping]] = ..., max_overhead_percent: _Optional[float] = ..., history: _Optional[str] = ..., auto_export: _Optional[_Union[_session_pb2.AutoExport, _Mapping]] = ...) -> None: ...

class AttachResponse(_message.Message):
    __slots__ = ("progress", "session")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    progress: str
    session: _session_pb2.Session
    def __init__(self, progress: _Optional[str] = ..., session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class DetachRequest(_message.Message):
    __slots__ = ("session_id", "pid")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    pid: int
    def __init__(self, session_id: _Optional[str] = ..., pid: _Optional[int] = ...) -> None: ...

class DetachResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class SetSamplingRequest(_message.Message):
    __slots__ = ("session_id", "sampling")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    sampling: _session_pb2.SamplingConfig
    def __init__(self, session_id: _Optional[str] = ..., sampling: _Optional[_Union[_session_pb2.SamplingConfig, _Mapping]] = ...) -> None: ...

class SetSamplingResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class SetPausedRequest(_message.Message):
    __slots__ = ("session_id", "paused")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    paused: bool
    def __init__(self, session_id: _Optional[str] = ..., paused: bool = ...) -> None: ...

class SetPausedResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class AddMarkRequest(_message.Message):
    __slots__ = ("session_id", "label")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    label: str
    def __init__(self, session_id: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class AddMarkResponse(_message.Message):
    __slots__ = ("mark",)
    MARK_FIELD_NUMBER: _ClassVar[int]
    mark: _report_pb2.Mark
    def __init__(self, mark: _Optional[_Union[_report_pb2.Mark, _Mapping]] = ...) -> None: ...

class SetAutoExportRequest(_message.Message):
    __slots__ = ("session_id", "auto_export")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTO_EXPORT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    auto_export: _session_pb2.AutoExport
    def __init__(self, session_id: _Optional[str] = ..., auto_export: _Optional[_Union[_session_pb2.AutoExport, _Mapping]] = ...) -> None: ...

class SetAutoExportResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("include_ended",)
    INCLUDE_ENDED_FIELD_NUMBER: _ClassVar[int]
    include_ended: bool
    def __init__(self, include_ended: bool = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[_session_pb2.Session]
    def __init__(self, sessions: _Optional[_Iterable[_Union[_session_pb2.Session, _Mapping]]] = ...) -> None: ...
