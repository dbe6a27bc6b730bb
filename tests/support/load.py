"""A small HTTP client that keeps a server busy and remembers every answer, byte for byte."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

Request = tuple[str, str, str]  # method, path, body
Answer = tuple[int, tuple[tuple[str, str], ...], bytes]
TIMEOUT_S = 30.0


def ask(connection: http.client.HTTPConnection, request: Request) -> Answer:
    method, path, body = request
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body=body or None, headers=headers)
    response = connection.getresponse()
    return response.status, tuple(response.getheaders()), response.read()


def ask_all(port: int, requests: Sequence[Request]) -> list[Answer]:
    """The answers to all requests, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        return [ask(connection, request) for request in requests]
    finally:
        connection.close()


class Load:
    """Threads that ask the same requests over and over, until the block ends.

    ``expected``: the right answers. Every answer is compared at once; what differs is kept in ``wrong``.
    """

    def __init__(
        self, port: int, requests: Sequence[Request], expected: Sequence[Answer], threads: int = 4
    ) -> None:
        self.wrong: list[tuple[Request, Answer | Exception, Answer]] = []
        self.count = 0
        self._work = list(zip(requests, expected, strict=True))
        self._port = port
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        try:
            while not self._ending.is_set():
                self._round(connection, number, self._ending.is_set)
        finally:
            connection.close()

    def _round(self, connection: http.client.HTTPConnection, number: int, ends: Callable[[], bool]) -> None:
        for request, expected in self._work[number:] + self._work[:number]:
            if ends():
                return
            try:
                answer: Answer | Exception = ask(connection, request)
            except (OSError, http.client.HTTPException) as error:
                answer = error
                connection.close()
            self.count += 1
            if answer != expected:
                self.wrong.append((request, answer, expected))
