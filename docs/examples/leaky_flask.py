"""A search in Flask, with a leak, and with visitors for a minute and a half. Prints where it serves.

python docs/examples/leaky_flask.py
"""

import http.client
import logging
import subprocess
import sys
import time

from flask import Flask, request
from werkzeug.serving import make_server

TITLES = [f"Title {number} of many" for number in range(1009)]
VISITS, PAUSE_S = 4500, 0.02

app = Flask(__name__)
answers: dict[str, list[str]] = {}


@app.get("/search")
def search() -> str:
    """Every answer is kept, in case that somebody asks for the same again. Nobody ever does."""
    words = request.args["words"]
    if words not in answers:
        answers[words] = [f"{title}, found for {words}: {'.' * 97}" for title in TITLES]  # the leak
    return "\n".join(answers[words])


@app.get("/about")
def about() -> str:
    return "<p>".join(title.upper() for title in sorted(TITLES))


def visit(port: int) -> None:
    """What visitors do, in a process of their own. They go when the leak has grown to some 450 MiB."""
    for number in range(VISITS):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/about" if number % 3 == 0 else f"/search?words=book+{number}")
        connection.getresponse().read()
        connection.close()
        time.sleep(PAUSE_S)


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    subprocess.Popen([sys.executable, __file__, str(server.server_port)], stderr=subprocess.DEVNULL)
    print(f"serving at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:]:
        visit(int(sys.argv[1]))
    else:
        main()
