from memscope_daemon._pb import events_pb2 as _events_pb2
from memscope_daemon._pb import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Estimate(_message.Message):
    __slots__ = ("value", "low", "high", "sample_count", "exact")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    sample_count: int
    exact: bool
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., sample_count: _Optional[int] = ..., exact: bool = ...) -> None: ...

class Variable(_message.Message):
    __slots__ = ("name", "kind", "confidence", "function", "file", "line")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    confidence: str
    function: str
    file: str
    line: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., confidence: _Optional[str] = ..., function: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ...) -> None: ...

class Site(_message.Message):
    __slots__ = ("function", "file", "line", "live_bytes", "live_count", "allocated_bytes", "allocated_count", "freed_bytes", "freed_count", "peak_bytes", "impact", "is_hot", "peak_share", "pattern", "variable", "variable_share")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    LIVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PEAK_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMPACT_FIELD_NUMBER: _ClassVar[int]
    IS_HOT_FIELD_NUMBER: _ClassVar[int]
    PEAK_SHARE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_SHARE_FIELD_NUMBER: _ClassVar[int]
    function: str
    file: str
    line: int
    live_bytes: Estimate
    live_count: Estimate
    allocated_bytes: Estimate
    allocated_count: Estimate
    freed_bytes: Estimate
    freed_count: Estimate
    peak_bytes: Estimate
    impact: float
    is_hot: bool
    peak_share: float
    pattern: str
    variable: Variable
    variable_share: float
    def __init__(self, function: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., live_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., live_count: _Optional[_Union[Estimate, _Mapping]] = ..., allocated_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., allocated_count: _Optional[_Union[Estimate, _Mapping]] = ..., freed_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., freed_count: _Optional[_Union[Estimate, _Mapping]] = ..., peak_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., impact: _Optional[float] = ..., is_hot: bool = ..., peak_share: _Optional[float] = ..., pattern: _Optional[str] = ..., variable: _Optional[_Union[Variable, _Mapping]] = ..., variable_share: _Optional[float] = ...) -> None: ...

class Percentile(_message.Message):
    __slots__ = ("percent", "lifetime_ns", "low_ns", "high_ns")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_NS_FIELD_NUMBER: _ClassVar[int]
    LOW_NS_FIELD_NUMBER: _ClassVar[int]
    HIGH_NS_FIELD_NUMBER: _ClassVar[int]
    percent: int
    lifetime_ns: float
    low_ns: float
    high_ns: float
    def __init__(self, percent: _Optional[int] = ..., lifetime_ns: _Optional[float] = ..., low_ns: _Optional[float] = ..., high_ns: _Optional[float] = ...) -> None: ...

class LifetimeClass(_message.Message):
    __slots__ = ("up_to_ms", "freed_count", "freed_bytes")
    UP_TO_MS_FIELD_NUMBER: _ClassVar[int]
    FREED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    up_to_ms: int
    freed_count: Estimate
    freed_bytes: Estimate
    def __init__(self, up_to_ms: _Optional[int] = ..., freed_count: _Optional[_Union[Estimate, _Mapping]] = ..., freed_bytes: _Optional[_Union[Estimate, _Mapping]] = ...) -> None: ...

class Lifetimes(_message.Message):
    __slots__ = ("percentiles", "classes", "freed_samples", "live_samples")
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    FREED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    LIVE_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    percentiles: _containers.RepeatedCompositeFieldContainer[Percentile]
    classes: _containers.RepeatedCompositeFieldContainer[LifetimeClass]
    freed_samples: int
    live_samples: int
    def __init__(self, percentiles: _Optional[_Iterable[_Union[Percentile, _Mapping]]] = ..., classes: _Optional[_Iterable[_Union[LifetimeClass, _Mapping]]] = ..., freed_samples: _Optional[int] = ..., live_samples: _Optional[int] = ...) -> None: ...

class ThreadFigures(_message.Message):
    __slots__ = ("thread_id", "native_id", "name", "allocated_bytes", "allocated_count", "live_bytes")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    thread_id: int
    native_id: int
    name: str
    allocated_bytes: Estimate
    allocated_count: Estimate
    live_bytes: Estimate
    def __init__(self, thread_id: _Optional[int] = ..., native_id: _Optional[int] = ..., name: _Optional[str] = ..., allocated_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., allocated_count: _Optional[_Union[Estimate, _Mapping]] = ..., live_bytes: _Optional[_Union[Estimate, _Mapping]] = ...) -> None: ...

class DomainFigures(_message.Message):
    __slots__ = ("domain", "allocated_bytes", "allocated_count", "live_bytes")
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    domain: _events_pb2.AllocatorDomain
    allocated_bytes: Estimate
    allocated_count: Estimate
    live_bytes: Estimate
    def __init__(self, domain: _Optional[_Union[_events_pb2.AllocatorDomain, str]] = ..., allocated_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., allocated_count: _Optional[_Union[Estimate, _Mapping]] = ..., live_bytes: _Optional[_Union[Estimate, _Mapping]] = ...) -> None: ...

class Quality(_message.Message):
    __slots__ = ("grade", "drop_rate", "recorded_count", "lost_count", "losses", "unseen_bound_bytes", "unresolved_count", "written_count")
    GRADE_FIELD_NUMBER: _ClassVar[int]
    DROP_RATE_FIELD_NUMBER: _ClassVar[int]
    RECORDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOST_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_BOUND_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNRESOLVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    grade: str
    drop_rate: float
    recorded_count: int
    lost_count: int
    losses: _containers.RepeatedCompositeFieldContainer[_events_pb2.Loss]
    unseen_bound_bytes: float
    unresolved_count: int
    written_count: int
    def __init__(self, grade: _Optional[str] = ..., drop_rate: _Optional[float] = ..., recorded_count: _Optional[int] = ..., lost_count: _Optional[int] = ..., losses: _Optional[_Iterable[_Union[_events_pb2.Loss, _Mapping]]] = ..., unseen_bound_bytes: _Optional[float] = ..., unresolved_count: _Optional[int] = ..., written_count: _Optional[int] = ...) -> None: ...

class Figures(_message.Message):
    __slots__ = ("time_ns", "allocated_bytes", "allocated_count", "freed_bytes", "freed_count", "live_bytes", "live_count", "peak_bytes", "peak_time_ns")
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PEAK_BYTES_FIELD_NUMBER: _ClassVar[int]
    PEAK_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    time_ns: int
    allocated_bytes: Estimate
    allocated_count: Estimate
    freed_bytes: Estimate
    freed_count: Estimate
    live_bytes: Estimate
    live_count: Estimate
    peak_bytes: Estimate
    peak_time_ns: int
    def __init__(self, time_ns: _Optional[int] = ..., allocated_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., allocated_count: _Optional[_Union[Estimate, _Mapping]] = ..., freed_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., freed_count: _Optional[_Union[Estimate, _Mapping]] = ..., live_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., live_count: _Optional[_Union[Estimate, _Mapping]] = ..., peak_bytes: _Optional[_Union[Estimate, _Mapping]] = ..., peak_time_ns: _Optional[int] = ...) -> None: ...

class StepChange(_message.Message):
    __slots__ = ("step", "since_ns", "until_ns", "sampling", "cost_percent", "why")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_NS_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    COST_PERCENT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    step: _session_pb2.Step
    since_ns: int
    until_ns: int
    sampling: _session_pb2.SamplingConfig
    cost_percent: float
    why: str
    def __init__(self, step: _Optional[_Union[_session_pb2.Step, str]] = ..., since_ns: _Optional[int] = ..., until_ns: _Optional[int] = ..., sampling: _Optional[_Union[_session_pb2.SamplingConfig, _Mapping]] = ..., cost_percent: _Optional[float] = ..., why: _Optional[str] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("in_target_ns", "target_cpu_ns", "percent")
    IN_TARGET_NS_FIELD_NUMBER: _ClassVar[int]
    TARGET_CPU_NS_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    in_target_ns: int
    target_cpu_ns: int
    percent: float
    def __init__(self, in_target_ns: _Optional[int] = ..., target_cpu_ns: _Optional[int] = ..., percent: _Optional[float] = ...) -> None: ...

class History(_message.Message):
    __slots__ = ("preset", "max_count", "max_age_s", "max_bytes", "kept_count", "forgotten_count", "forgotten_until_ns")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_S_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    KEPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_UNTIL_NS_FIELD_NUMBER: _ClassVar[int]
    preset: str
    max_count: int
    max_age_s: float
    max_bytes: int
    kept_count: int
    forgotten_count: int
    forgotten_until_ns: int
    def __init__(self, preset: _Optional[str] = ..., max_count: _Optional[int] = ..., max_age_s: _Optional[float] = ..., max_bytes: _Optional[int] = ..., kept_count: _Optional[int] = ..., forgotten_count: _Optional[int] = ..., forgotten_until_ns: _Optional[int] = ...) -> None: ...

class SamplingPause(_message.Message):
    __slots__ = ("since_ns", "until_ns", "by")
    SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_NS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    since_ns: int
    until_ns: int
    by: str
    def __init__(self, since_ns: _Optional[int] = ..., until_ns: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class Mark(_message.Message):
    __slots__ = ("time_ns", "label")
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    time_ns: int
    label: str
    def __init__(self, time_ns: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class SystemSample(_message.Message):
    __slots__ = ("timestamp_ns", "cpu_usage_percent", "memory_usage_bytes", "memory_usage_percent", "thread_count", "disk_read_bps", "disk_write_bps", "network_rx_bps", "network_tx_bps", "gpu_usage_percent", "gpu_memory_used", "gpu_memory_total", "active_allocations", "peak_memory")
    TIMESTAMP_NS_FIELD_NUMBER: _ClassVar[int]
    CPU_USAGE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USAGE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    THREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    DISK_READ_BPS_FIELD_NUMBER: _ClassVar[int]
    DISK_WRITE_BPS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_RX_BPS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TX_BPS_FIELD_NUMBER: _ClassVar[int]
    GPU_USAGE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_USED_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_TOTAL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_ALLOCATIONS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_FIELD_NUMBER: _ClassVar[int]
    timestamp_ns: int
    cpu_usage_percent: float
    memory_usage_bytes: int
    memory_usage_percent: float
    thread_count: int
    disk_read_bps: float
    disk_write_bps: float
    network_rx_bps: float
    network_tx_bps: float
    gpu_usage_percent: float
    gpu_memory_used: int
    gpu_memory_total: int
    active_allocations: int
    peak_memory: int
    def __init__(self, timestamp_ns: _Optional[int] = ..., cpu_usage_percent: _Optional[float] = ..., memory_usage_bytes: _Optional[int] = ..., memory_usage_percent: _Optional[float] = ..., thread_count: _Optional[int] = ..., disk_read_bps: _Optional[float] = ..., disk_write_bps: _Optional[float] = ..., network_rx_bps: _Optional[float] = ..., network_tx_bps: _Optional[float] = ..., gpu_usage_percent: _Optional[float] = ..., gpu_memory_used: _Optional[int] = ..., gpu_memory_total: _Optional[int] = ..., active_allocations: _Optional[int] = ..., peak_memory: _Optional[int] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("session", "figures", "sites", "threads", "domains", "quality", "cost", "steps", "history", "pauses", "marks", "system_snapshots", "host_snapshots", "system_scopes", "lifetimes")
    class SystemScopesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    SITES_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    DOMAINS_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    HOST_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_SCOPES_FIELD_NUMBER: _ClassVar[int]
    LIFETIMES_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    figures: Figures
    sites: _containers.RepeatedCompositeFieldContainer[Site]
    threads: _containers.RepeatedCompositeFieldContainer[ThreadFigures]
    domains: _containers.RepeatedCompositeFieldContainer[DomainFigures]
    quality: Quality
    cost: Cost
    steps: _containers.RepeatedCompositeFieldContainer[StepChange]
    history: History
    pauses: _containers.RepeatedCompositeFieldContainer[SamplingPause]
    marks: _containers.RepeatedCompositeFieldContainer[Mark]
    system_snapshots: _containers.RepeatedCompositeFieldContainer[SystemSample]
    host_snapshots: _containers.RepeatedCompositeFieldContainer[SystemSample]
    system_scopes: _containers.ScalarMap[str, str]
    lifetimes: Lifetimes
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., figures: _Optional[_Union[Figures, _Mapping]] = ..., sites: _Optional[_Iterable[_Union[Site, _Mapping]]] = ..., threads: _Optional[_Iterable[_Union[ThreadFigures, _Mapping]]] = ..., domains: _Optional[_Iterable[_Union[DomainFigures, _Mapping]]] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[StepChange, _Mapping]]] = ..., history: _Optional[_Union[History, _Mapping]] = ..., pauses: _Optional[_Iterable[_Union[SamplingPause, _Mapping]]] = ..., marks: _Optional[_Iterable[_Union[Mark, _Mapping]]] = ..., system_snapshots: _Optional[_Iterable[_Union[SystemSample, _Mapping]]] = ..., host_snapshots: _Optional[_Iterable[_Union[SystemSample, _Mapping]]] = ..., system_scopes: _Optional[_Mapping[str, str]] = ..., lifetimes: _Optional[_Union[Lifetimes, _Mapping]] = ...) -> None: ...
