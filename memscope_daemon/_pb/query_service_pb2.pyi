from memscope_daemon._pb import report_pb2 as _report_pb2
from memscope_daemon._pb import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetFiguresRequest(_message.Message):
    __slots__ = ("session_id", "site_count")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_COUNT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    site_count: int
    def __init__(self, session_id: _Optional[str] = ..., site_count: _Optional[int] = ...) -> None: ...

class GetFiguresResponse(_message.Message):
    __slots__ = ("figures", "sites", "quality", "cost", "system", "host")
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    SITES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    figures: _report_pb2.Figures
    sites: _containers.RepeatedCompositeFieldContainer[_report_pb2.Site]
    quality: _report_pb2.Quality
    cost: _report_pb2.Cost
    system: _report_pb2.SystemSample
    host: _report_pb2.SystemSample
    def __init__(self, figures: _Optional[_Union[_report_pb2.Figures, _Mapping]] = ..., sites: _Optional[_Iterable[_Union[_report_pb2.Site, _Mapping]]] = ..., quality: _Optional[_Union[_report_pb2.Quality, _Mapping]] = ..., cost: _Optional[_Union[_report_pb2.Cost, _Mapping]] = ..., system: _Optional[_Union[_report_pb2.SystemSample, _Mapping]] = ..., host: _Optional[_Union[_report_pb2.SystemSample, _Mapping]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("session_id", "after_number", "site_count", "every_s")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SITE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    after_number: int
    site_count: int
    every_s: float
    def __init__(self, session_id: _Optional[str] = ..., after_number: _Optional[int] = ..., site_count: _Optional[int] = ..., every_s: _Optional[float] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("number", "figures", "sites", "quality", "cost", "session", "missed_count", "threads", "marks")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    SITES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    MISSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    number: int
    figures: _report_pb2.Figures
    sites: _containers.RepeatedCompositeFieldContainer[_report_pb2.Site]
    quality: _report_pb2.Quality
    cost: _report_pb2.Cost
    session: _session_pb2.Session
    missed_count: int
    threads: _containers.RepeatedCompositeFieldContainer[_report_pb2.ThreadFigures]
    marks: _containers.RepeatedCompositeFieldContainer[_report_pb2.Mark]
    def __init__(self, number: _Optional[int] = ..., figures: _Optional[_Union[_report_pb2.Figures, _Mapping]] = ..., sites: _Optional[_Iterable[_Union[_report_pb2.Site, _Mapping]]] = ..., quality: _Optional[_Union[_report_pb2.Quality, _Mapping]] = ..., cost: _Optional[_Union[_report_pb2.Cost, _Mapping]] = ..., session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., missed_count: _Optional[int] = ..., threads: _Optional[_Iterable[_Union[_report_pb2.ThreadFigures, _Mapping]]] = ..., marks: _Optional[_Iterable[_Union[_report_pb2.Mark, _Mapping]]] = ...) -> None: ...

class GetReportRequest(_message.Message):
    __slots__ = ("session_id", "site_count")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_COUNT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    site_count: int
    def __init__(self, session_id: _Optional[str] = ..., site_count: _Optional[int] = ...) -> None: ...

class GetReportResponse(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: _report_pb2.Report
    def __init__(self, report: _Optional[_Union[_report_pb2.Report, _Mapping]] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("session_id", "format", "measure")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    format: str
    measure: str
    def __init__(self, session_id: _Optional[str] = ..., format: _Optional[str] = ..., measure: _Optional[str] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("chunk", "file_name")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    file_name: str
    def __init__(self, chunk: _Optional[bytes] = ..., file_name: _Optional[str] = ...) -> None: ...

class GetSystemSamplesRequest(_message.Message):
    __slots__ = ("session_id", "after_ns", "host")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_NS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    after_ns: int
    host: bool
    def __init__(self, session_id: _Optional[str] = ..., after_ns: _Optional[int] = ..., host: bool = ...) -> None: ...

class GetSystemSamplesResponse(_message.Message):
    __slots__ = ("samples", "scopes")
    class ScopesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[_report_pb2.SystemSample]
    scopes: _containers.ScalarMap[str, str]
    def __init__(self, samples: _Optional[_Iterable[_Union[_report_pb2.SystemSample, _Mapping]]] = ..., scopes: _Optional[_Mapping[str, str]] = ...) -> None: ...
