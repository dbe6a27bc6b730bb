"""A daemon, as an object. Every method is one call; its failure is a DaemonError."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from memscope_client import calls
from memscope_client.calls import (
    CALL_TIMEOUT_S,
    DETACH_TIMEOUT_S,
    EXPORT_TIMEOUT_S,
    WATCH_PATIENCE_S,
    Call,
)
from memscope_client.channel import Endpoint, open_channel
from memscope_client.sessions import AutoExport, Sampling, Session, Version

if TYPE_CHECKING:
    from memscope_client.figures import Mark, Report, Snapshot, SystemSamples, WatchPoint

Answer = TypeVar("Answer")


class Attachment:
    """An attach under way: iterate over it for progress, ask it for the session, or cancel it.

    Iterating yields what is waited for, as text, until tracking is active. A refusal is a DaemonError,
    from the iteration or from ``result``. ``cancel`` may be called from any thread.
    """

    def __init__(self, endpoint: Endpoint, call: Call[str | Session]) -> None:
        self._endpoint, self._call = endpoint, call
        self._stream = endpoint.method(call)(call.request)
        self._session: Session | None = None

    def __iter__(self) -> Iterator[str]:
        import grpc

        try:
            for message in self._stream:
                news = self._call.convert(message)
                if isinstance(news, str):
                    yield news
                else:
                    self._session = news
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error

    def result(self) -> Session:
        """Waits until tracking is active."""
        for _ in self:
            pass
        if self._session is None:
            raise calls.no_session()
        return self._session

    def cancel(self) -> None:
        """Gives up; a target in which nothing runs yet is left as it was."""
        self._stream.cancel()


class Client:
    """A client of the daemon at ``address`` (``unix:/path`` or ``host:port``). Any thread may use it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._endpoint = Endpoint(address, open_channel(address))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._endpoint.channel.close()

    def version(self, *, timeout_s: float = CALL_TIMEOUT_S) -> Version:
        """Who answers; also the cheapest way to learn whether anybody does."""
        return self._ask(calls.version(), timeout_s)

    def require_protocol(self, *, timeout_s: float = CALL_TIMEOUT_S) -> Version:
        """Who answers, if it speaks our protocol; else a DaemonError ``client.other-protocol``."""
        return calls.require_protocol(self.version(timeout_s=timeout_s), self.address)

    def attach(
        self,
        pid: int,
        sampling: Sampling,
        *,
        max_overhead_percent: float = 0.0,
        history: str = "",
        auto_export: AutoExport | None = None,
    ) -> Attachment:
        """Begins to attach to process ``pid`` of the daemon's host.

        ``max_overhead_percent``: of the target's processor time. Above it memscope steps back: shallower
        stacks, fewer samples, none, detached; the report says when and why. 0: the sampling stays as it is.
        ``history``: events that are kept one by one: a preset, or ``COUNT,AGE,BYTES`` as in ``50k,30m,256M``;
        empty: as the daemon was told. ``auto_export``: reports that the daemon writes by itself; a folder
        that is no absolute path is one below the current folder of this process.
        """
        call = calls.attach(pid, sampling, max_overhead_percent, history, auto_export)
        return Attachment(self._endpoint, call)

    def detach(self, session_id: str, *, timeout_s: float = DETACH_TIMEOUT_S) -> Session:
        """Takes the hooks out and ends the session; returns when its last event is stored."""
        return self._ask(calls.detach(session_id), timeout_s)

    def sessions(
        self, *, include_ended: bool = False, timeout_s: float = CALL_TIMEOUT_S
    ) -> tuple[Session, ...]:
        """In the order they began."""
        return self._ask(calls.sessions(include_ended), timeout_s)

    def session(self, selector: int | str) -> Session:
        """That of an id, or on a PID: the one that runs, else the last that did. A DaemonError
        ``session.not-found`` if there is none."""
        return self._ask(calls.session(selector))

    def set_sampling(self, session_id: str, sampling: Sampling) -> Session:
        """Changes how the target is sampled from now on. Figures stay unbiased."""
        return self._ask(calls.set_sampling(session_id, sampling))

    def pause(self, session_id: str) -> Session:
        """Nothing is sampled until ``resume``: what is allocated meanwhile is in no figure, and the report
        says so. Frees of blocks that were sampled are followed."""
        return self._ask(calls.set_paused(session_id, True))

    def resume(self, session_id: str) -> Session:
        """Ends a user's pause. One that the budget made (``Session.step``) goes on."""
        return self._ask(calls.set_paused(session_id, False))

    def mark(self, session_id: str, label: str) -> Mark:
        """Notes this moment down: a line of 200 characters at most. It is stored when this returns."""
        return self._ask(calls.mark(session_id, label))

    def set_auto_export(self, session_id: str, auto_export: AutoExport | None) -> Session:
        """Which reports the daemon writes by itself from now on; None: no more, at the end neither."""
        return self._ask(calls.set_auto_export(session_id, auto_export))

    def figures(self, session_id: str, *, site_count: int = 0) -> Snapshot:
        """The figures of this moment, with the ``site_count`` sites that hold most."""
        return self._ask(calls.figures(session_id, site_count))

    def watch(
        self,
        session_id: str,
        *,
        after: int | None = 0,
        site_count: int = 0,
        every_s: float = 1.0,
        patience_s: float = WATCH_PATIENCE_S,
    ) -> Iterator[WatchPoint]:
        """The totals of every second, until the session has ended.

        ``after``: the number of the last point that was seen; 0 begins with the oldest that the daemon has
        (of up to two hours), None with the newest. Each ``every_s`` seconds (1 to 3600) all points since then
        come, the newest with ``site_count`` sites, threads, quality, cost and session. A connection that is
        lost is made again, and nothing is missed by it but what ``missed_count`` tells.

        :raises DaemonError: ``client.watch-lost`` after ``patience_s`` without the daemon; or its refusal.
        """
        import grpc

        from memscope_client.resuming import Resumption

        seen = Resumption(self.address, after, patience_s)
        while True:
            call = calls.watch(session_id, seen.after, site_count, every_s)
            stream = self._endpoint.method(call)(call.request)
            try:
                yield from filter(seen.is_new, map(call.convert, stream))
                return
            except grpc.RpcError as error:
                rest_s = seen.rest_after(self._endpoint.error(error))
            finally:
                stream.cancel()
            time.sleep(rest_s)

    def report(self, session_id: str, *, site_count: int = 0) -> Report:
        """The whole report; ``site_count`` 0 is all sites."""
        return self._ask(calls.report(session_id, site_count))

    def system_samples(self, session_id: str, *, after_ns: int = 0, host: bool = False) -> SystemSamples:
        """What the system monitor saw of the target, or of its ``host``, after session time ``after_ns``.

        To go on from there, ask again with the time of the last sample.
        """
        import grpc

        call = calls.system_samples(session_id, after_ns, host)
        try:
            pieces = self._endpoint.method(call)(call.request, timeout=CALL_TIMEOUT_S)
            return calls.all_samples([call.convert(piece) for piece in pieces])
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error

    def export(self, session_id: str, format_name: str, *, measure: str = "") -> tuple[str, bytes]:
        """A file name and its content; formats: ``json``, ``collapsed``, ``speedscope``, ``svg``, ``html``.

        ``measure``, what stacks are weighed by: ``live_bytes`` (default), ``live_count``,
        ``allocated_bytes``, ``allocated_count``, ``peak_bytes``; ``speedscope`` and ``html`` have all of
        them, and show this one first.
        """
        import grpc

        call = calls.export(session_id, format_name, measure)
        try:
            pieces = self._endpoint.method(call)(call.request, timeout=EXPORT_TIMEOUT_S)
            return calls.put_together([call.convert(piece) for piece in pieces])
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error

    def _ask(self, call: Call[Answer], timeout_s: float = CALL_TIMEOUT_S) -> Answer:
        import grpc

        try:
            found: Any = self._endpoint.method(call)(call.request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error
        return call.convert(found)
