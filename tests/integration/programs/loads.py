"""Keeps the machine at work, in every way that is measured: processor, memory, threads, disk, network.

["load", FOLDER, BYTES, THREADS]  works from now on, in a file in that folder
["grow", BYTES]  holds so much more
"""

import os
import socket
import threading
import time

from talk import Talk

PIECE = 256 << 10
PIECES = 32
PACKET = 32 << 10
REST_S = 0.02
talk = Talk()
held = []


def busy():
    while True:
        ends = time.perf_counter() + REST_S
        while time.perf_counter() < ends:
            pass
        time.sleep(REST_S)


def disk(folder):
    """Writes to the disk itself, and reads it back from there."""
    descriptor = os.open(folder + "/load", os.O_RDWR | os.O_CREAT)
    at, piece = 0, os.urandom(PIECE)
    while True:
        place = PIECE * (at % PIECES)
        os.pwrite(descriptor, piece, place)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, place, PIECE, os.POSIX_FADV_DONTNEED)
        if os.pread(descriptor, PIECE, place) != piece:
            talk.wrong("disk")
        at += 1
        time.sleep(REST_S)


def send(end):
    packet = os.urandom(PACKET)
    while True:
        end.sendall(packet)
        time.sleep(REST_S)


def receive(end):
    while end.recv(PACKET):
        pass


def start(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


def load(folder, held_bytes, threads):
    with socket.create_server(("127.0.0.1", 0)) as server:
        out = socket.create_connection(server.getsockname())
        come, _ = server.accept()
    start(send, out)
    start(receive, come)
    start(busy)
    start(disk, folder)
    for _ in range(threads):
        start(time.sleep, 3600.0)
    grow(held_bytes)


def grow(held_bytes):
    held.append(os.urandom(1 << 20) * (held_bytes >> 20))


talk.handlers.update(load=load, grow=grow)
talk.ready()
while True:
    talk.serve()
