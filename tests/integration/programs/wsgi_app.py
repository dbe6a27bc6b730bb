"""An application for gunicorn: each answer tells who gave it and a result that can be checked."""

import os

kept = []


def answer_request(number):
    """Allocates, keeps some of it, and computes."""
    blocks = [bytes(3001 + i % 499) for i in range(number % 307)]
    kept.append(blocks[::10])
    return sum(map(len, blocks))


def application(environ, start_response):
    number = int(environ["PATH_INFO"].strip("/"))
    body = b"%d %d" % (os.getpid(), answer_request(number))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
