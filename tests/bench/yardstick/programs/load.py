"""Asks the server for one user after another, on some connections at once, until it goes away.

load.py PORT
"""

import asyncio
import sys

CONNECTIONS = 8
END, LENGTH = b"\r\n\r\n", b"content-length:"


class Asking(asyncio.Protocol):
    def __init__(self, number, gone):
        self.number, self.gone = number, gone
        self.answer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.number += CONNECTIONS
        path = f"/users/{self.number % 1009}?from=load&number={self.number % 97}"
        self.transport.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def data_received(self, data):
        self.answer += data
        head, end, body = self.answer.partition(END)
        if end and len(body) >= int(head.lower().split(LENGTH)[1].split()[0]):
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(self.answer.decode())
            self.answer = b""
            self.ask()

    def connection_lost(self, error):
        self.gone.set()


async def main():
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    for number in range(CONNECTIONS):
        asking = Asking(number, gone)
        await loop.create_connection(lambda asking=asking: asking, "127.0.0.1", int(sys.argv[1]))
    await gone.wait()


asyncio.run(main())
