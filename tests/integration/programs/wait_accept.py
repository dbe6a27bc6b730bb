"""The main thread waits in accept; a second thread connects when a command comes."""

import select
import socket
import threading

from talk import Talk

talk = Talk()
listener = socket.create_server(("127.0.0.1", 0))
served = threading.Semaphore(0)


def doorman():
    while True:
        select.select([talk.commands], [], [])
        with socket.create_connection(listener.getsockname()) as caller:
            caller.sendall(b"knock")
        served.acquire()


threading.Thread(target=doorman, daemon=True).start()
talk.ready()
while True:
    connection, _ = listener.accept()
    with connection:
        talk.check(connection.recv(5, socket.MSG_WAITALL) == b"knock")
        talk.check(connection.recv(1) == b"")
    talk.serve()
    served.release()
