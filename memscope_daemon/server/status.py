"""Our errors as gRPC statuses, with the whole of them in the trailing metadata."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NoReturn

import grpc

from memscope_daemon import errors
from memscope_daemon._pb import control_service_pb2
from memscope_daemon.errors import MemscopeError

METADATA_KEY = "memscope-error-bin"

_BY_CODE = {
    "session.not-found": grpc.StatusCode.NOT_FOUND,
    "session.already-attached": grpc.StatusCode.ALREADY_EXISTS,
    "ingest.replaced": grpc.StatusCode.ABORTED,
    # A shipper tries again after these, and the session goes on when there is room.
    "store.not-opened": grpc.StatusCode.UNAVAILABLE,
    "store.not-written": grpc.StatusCode.UNAVAILABLE,
    "daemon.stopping": grpc.StatusCode.UNAVAILABLE,
    "daemon.too-many-streams": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "daemon.too-many-sessions": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "daemon.too-many-watchers": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "mark.too-many": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "session.too-many-pauses": grpc.StatusCode.RESOURCE_EXHAUSTED,
}
_BY_CLASS: tuple[tuple[type[MemscopeError], grpc.StatusCode], ...] = (
    (errors.AttachRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.TargetEnded, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.AttachFailed, grpc.StatusCode.ABORTED),
    (errors.ConfigurationError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.MemoryOperationError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.RenderError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.SystemFailure, grpc.StatusCode.INTERNAL),
)


def status_of(error: MemscopeError) -> grpc.StatusCode:
    """The status that stands for an error."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    found = (status for kind, status in _BY_CLASS if isinstance(error, kind))
    return next(found, grpc.StatusCode.INTERNAL)


def detail_of(error: MemscopeError) -> bytes:
    """The serialized ErrorDetail."""
    detail = control_service_pb2.ErrorDetail(
        code=error.code,
        message=error.message,
        next_step=error.next_step,
        exit_code=error.exit_code,
        severity=error.severity.value,
    )
    return detail.SerializeToString()


def abort(context: grpc.ServicerContext, error: MemscopeError) -> NoReturn:
    """Ends the call with the error. Raises what gRPC ends calls by."""
    context.set_trailing_metadata(((METADATA_KEY, detail_of(error)),))
    context.abort(status_of(error), str(error))
    raise AssertionError("abort returned")


@contextlib.contextmanager
def answering(context: grpc.ServicerContext) -> Iterator[None]:
    """A MemscopeError inside the block ends the call with its status."""
    try:
        yield
    except MemscopeError as error:
        abort(context, error)
