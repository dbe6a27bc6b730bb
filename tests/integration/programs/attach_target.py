"""Targets that know whether they are right: attach_target.py NAME. Runs until SIGUSR1, then prints "right"
or "WRONG". Prints "ready" when it is at it. Runs on Python 3.8 and newer, standard library only.

The waits repeat, and each checks its result and that it took as long as it should."""

import asyncio
import os
import select
import signal
import socket
import sys
import threading
import time

WAIT_S = 0.3
stopped = []
signal.signal(signal.SIGUSR1, lambda *_: stopped.append(1))


def say(text):
    os.write(1, text.encode() + b"\n")


def finish(right):
    say("right" if right else "WRONG")


def repeat(wait):
    right = True
    say("ready")
    while not stopped:
        began = time.monotonic()
        fine = wait() is not False
        took = time.monotonic() - began
        if not stopped and not (fine and WAIT_S - 0.01 < took < WAIT_S + 5):
            right = False
            os.write(2, f"{fine} after {took}\n".encode())
    finish(right)


def later(action):
    threading.Timer(WAIT_S, action).start()


def busy():
    say("ready")
    count = 0
    while not stopped:
        count += 1
    finish(True)


def storm():
    def work():
        while not stopped:
            [object() for _ in range(1009)]
            bytearray(70001)

    say("ready")
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    work()
    finish(True)


def floats():
    def series():
        x, total = 0.1, 0.0
        for i in range(20011):
            x = x * 3.9999 * (1 - x)
            total += x / (1 + i)
        return total

    say("ready")
    wanted, right = series(), True
    while not stopped:
        right = right and series() == wanted
    finish(right)


def signals():
    count = []
    signal.signal(signal.SIGALRM, lambda *_: count.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    say("ready")
    while not stopped:
        [object() for _ in range(101)]
    finish(len(count) > 50)


def wait_sleep():
    repeat(lambda: time.sleep(WAIT_S))


def wait_usleep():
    """A relative sleep: once interrupted, it shows as restart_syscall."""
    import ctypes

    usleep = ctypes.CDLL(None).usleep
    repeat(lambda: usleep(int(WAIT_S * 1e6)) == 0)


def wait_select():
    repeat(lambda: select.select([], [], [], WAIT_S) == ([], [], []))


def wait_poll():
    poll = select.poll()
    repeat(lambda: poll.poll(WAIT_S * 1000) == [])


def wait_epoll():
    epoll = select.epoll()
    repeat(lambda: epoll.poll(WAIT_S) == [])


def wait_epoll_for_ever():
    epoll = select.epoll()
    reader, writer = os.pipe()
    epoll.register(reader, select.EPOLLIN)

    def wait():
        later(lambda: os.write(writer, b"x"))
        return len(epoll.poll()) == 1 and os.read(reader, 1) == b"x"

    repeat(wait)


def wait_lock():
    lock = threading.Lock()
    lock.acquire()
    repeat(lambda: lock.acquire(timeout=WAIT_S) is False)


def wait_condition():
    condition = threading.Condition()

    def wait():
        with condition:
            return condition.wait(WAIT_S) is False

    repeat(wait)


def wait_join():
    def wait():
        thread = threading.Thread(target=time.sleep, args=(WAIT_S,))
        thread.start()
        thread.join()

    repeat(wait)


def wait_read():
    reader, writer = os.pipe()

    def wait():
        later(lambda: os.write(writer, b"abc"))
        return os.read(reader, 17) == b"abc"

    repeat(wait)


def wait_accept():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()

    def wait():
        client = socket.socket()
        later(lambda: client.connect(server.getsockname()))
        accepted, _ = server.accept()
        accepted.close()
        client.close()

    repeat(wait)


def wait_child():
    def wait():
        child = os.posix_spawn("/bin/sleep", ["sleep", str(WAIT_S)], {})
        return os.waitpid(child, 0)[1] == 0

    repeat(wait)


def idle_asyncio():
    async def run():
        end = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, end.set)
        say("ready")
        await end.wait()

    asyncio.run(run())
    finish(True)


def fifty_threads():
    def work():
        while not stopped:
            time.sleep(0.01)
            [object() for _ in range(53)]

    say("ready")
    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish(True)


def main_blocked():
    def work():
        while not stopped:
            sum(range(1009))

    say("ready")
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        thread.join(0.5)
    finish(True)


def drops_privileges():
    """Every thread that the C library knows must answer each of these calls; the GIL is held meanwhile."""
    calls = []

    def work():
        while not stopped:
            os.setgid(os.getgid())
            calls.append(1)
            time.sleep(0.0005)

    before = threading.Thread(target=int)
    before.start()
    before.join()
    thread = threading.Thread(target=work)
    thread.start()
    say("ready")
    while thread.is_alive():
        thread.join(0.5)
    finish(len(calls) > 10)


def hold_gil():
    """The GIL is held in one C call until a byte comes."""
    import ctypes

    room = ctypes.create_string_buffer(1)
    say("ready")
    ctypes.PyDLL(None).read(0, room, 1)
    while not stopped:
        time.sleep(0.01)
    finish(True)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
