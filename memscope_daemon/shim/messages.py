"""Short JSON messages with file descriptors, over a SOCK_SEQPACKET socket."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

MESSAGE_BYTES_MAX = 64 << 10
DESCRIPTORS_MAX = 8

Message = dict[str, Any]


def send(connection: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Sends one message; the receiver gets copies of ``descriptors``.

    :raises OSError: the other side is gone.
    """
    socket.send_fds(connection, [json.dumps(message).encode()], list(descriptors))


def receive(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and its descriptors (the caller's to close), None = the other side is gone.

    :raises TimeoutError: as the socket's timeout says.
    """
    try:
        data, descriptors, flags, _ = socket.recv_fds(connection, MESSAGE_BYTES_MAX, DESCRIPTORS_MAX)
    except ConnectionError:
        return None
    if not data:
        return None
    try:
        if flags & socket.MSG_TRUNC:
            raise ValueError("message too long")
        message = json.loads(data)
        if not isinstance(message, dict):
            raise ValueError("not an object")
    except ValueError:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return message, descriptors
