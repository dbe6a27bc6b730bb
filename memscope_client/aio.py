"""A daemon, as an object of asyncio: the methods of :class:`memscope_client.Client`, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
from memscope_client.channel import Endpoint, open_aio_channel
from memscope_client.errors import DaemonError
from memscope_client.sessions import AutoExport, Sampling, Session, Version

if TYPE_CHECKING:
    from memscope_client.figures import Mark, Report, Snapshot, SystemSamples, WatchPoint

Answer = TypeVar("Answer")


class AsyncAttachment:
    """An attach under way, as :class:`memscope_client.Attachment`: ``async for`` over it yields what is
    waited for, ``await`` of ``result`` the session."""

    def __init__(self, endpoint: Endpoint, call: Call[str | Session]) -> None:
        self._endpoint, self._call = endpoint, call
        self._stream = endpoint.method(call)(call.request)
        self._session: Session | None = None
        self._is_given_up = False

    async def __aiter__(self) -> AsyncIterator[str]:
        import grpc

        try:
            async for message in self._stream:
                news = self._call.convert(message)
                if isinstance(news, str):
                    yield news
                else:
                    self._session = news
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error
        except asyncio.CancelledError:
            if not self._is_given_up:
                raise
            raise DaemonError("client.cancelled", "the call was cancelled", "try again") from None

    async def result(self) -> Session:
        """Waits until tracking is active."""
        async for _ in self:
            pass
        if self._session is None:
            raise calls.no_session()
        return self._session

    def cancel(self) -> None:
        """Gives up; a target in which nothing runs yet is left as it was."""
        self._is_given_up = True
        self._stream.cancel()


class AsyncClient:
    """A client of the daemon at ``address``; made, and used, inside one event loop. What the methods mean
    stands with those of :class:`memscope_client.Client`. A task that is cancelled cancels its call."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._endpoint = Endpoint(address, open_aio_channel(address))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._endpoint.channel.close()

    async def version(self, *, timeout_s: float = CALL_TIMEOUT_S) -> Version:
        return await self._ask(calls.version(), timeout_s)

    async def require_protocol(self, *, timeout_s: float = CALL_TIMEOUT_S) -> Version:
        return calls.require_protocol(await self.version(timeout_s=timeout_s), self.address)

    def attach(
        self,
        pid: int,
        sampling: Sampling,
        *,
        max_overhead_percent: float = 0.0,
        history: str = "",
        auto_export: AutoExport | None = None,
    ) -> AsyncAttachment:
        call = calls.attach(pid, sampling, max_overhead_percent, history, auto_export)
        return AsyncAttachment(self._endpoint, call)

    async def detach(self, session_id: str, *, timeout_s: float = DETACH_TIMEOUT_S) -> Session:
        return await self._ask(calls.detach(session_id), timeout_s)

    async def sessions(
        self, *, include_ended: bool = False, timeout_s: float = CALL_TIMEOUT_S
    ) -> tuple[Session, ...]:
        return await self._ask(calls.sessions(include_ended), timeout_s)

    async def session(self, selector: int | str) -> Session:
        return await self._ask(calls.session(selector))

    async def set_sampling(self, session_id: str, sampling: Sampling) -> Session:
        return await self._ask(calls.set_sampling(session_id, sampling))

    async def pause(self, session_id: str) -> Session:
        return await self._ask(calls.set_paused(session_id, True))

    async def resume(self, session_id: str) -> Session:
        return await self._ask(calls.set_paused(session_id, False))

    async def mark(self, session_id: str, label: str) -> Mark:
        return await self._ask(calls.mark(session_id, label))

    async def set_auto_export(self, session_id: str, auto_export: AutoExport | None) -> Session:
        return await self._ask(calls.set_auto_export(session_id, auto_export))

    async def figures(self, session_id: str, *, site_count: int = 0) -> Snapshot:
        return await self._ask(calls.figures(session_id, site_count))

    async def watch(
        self,
        session_id: str,
        *,
        after: int | None = 0,
        site_count: int = 0,
        every_s: float = 1.0,
        patience_s: float = WATCH_PATIENCE_S,
    ) -> AsyncIterator[WatchPoint]:
        import grpc

        from memscope_client.resuming import Resumption

        seen = Resumption(self.address, after, patience_s)
        while True:
            call = calls.watch(session_id, seen.after, site_count, every_s)
            stream = self._endpoint.method(call)(call.request)
            try:
                async for message in stream:
                    point = call.convert(message)
                    if seen.is_new(point):
                        yield point
                return
            except grpc.RpcError as error:
                rest_s = seen.rest_after(self._endpoint.error(error))
            finally:
                stream.cancel()
            await asyncio.sleep(rest_s)

    async def report(self, session_id: str, *, site_count: int = 0) -> Report:
        return await self._ask(calls.report(session_id, site_count))

    async def system_samples(
        self, session_id: str, *, after_ns: int = 0, host: bool = False
    ) -> SystemSamples:
        import grpc

        call = calls.system_samples(session_id, after_ns, host)
        try:
            pieces = self._endpoint.method(call)(call.request, timeout=CALL_TIMEOUT_S)
            return calls.all_samples([call.convert(piece) async for piece in pieces])
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error

    async def export(self, session_id: str, format_name: str, *, measure: str = "") -> tuple[str, bytes]:
        import grpc

        call = calls.export(session_id, format_name, measure)
        try:
            pieces = self._endpoint.method(call)(call.request, timeout=EXPORT_TIMEOUT_S)
            return calls.put_together([call.convert(piece) async for piece in pieces])
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error

    async def _ask(self, call: Call[Answer], timeout_s: float = CALL_TIMEOUT_S) -> Answer:
        import grpc

        try:
            found: Any = await self._endpoint.method(call)(call.request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise self._endpoint.error(error) from error
        return call.convert(found)
