"""A Flask application over SQLite, threaded, with one leaking line. Prints its port, answers until killed.

Every response depends on the request alone, byte for byte, so a twin that nobody watches gives the same
ones. ``GET /books?author=N`` rows as JSON, ``POST /quote`` a price, ``GET /shelf/N`` some HTML.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading

from flask import Flask, Response, render_template_string, request
from werkzeug.serving import WSGIRequestHandler, make_server

BOOKS = 1009
AUTHORS = 53
SNAPSHOT_ROWS = 41
SHELF = "<ul>{% for row in rows %}<li>{{ row[1] }} <b>{{ row[2] }}</b></li>{% endfor %}</ul>"

app = Flask(__name__)
database = sqlite3.connect(":memory:", check_same_thread=False)
database_lock = threading.Lock()
history: list[list] = []


class FixedHeaders(WSGIRequestHandler):
    """Responses without time and version, so that twins answer alike."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Thu, 01 Jan 1970 00:00:00 GMT"

    def version_string(self) -> str:
        return "twin"


def fill() -> None:
    database.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, cents INTEGER, author INTEGER)")
    rows = [(n, f"Title {n} of many", 500 + n * 13 % 4001, n % AUTHORS) for n in range(BOOKS)]
    database.executemany("INSERT INTO book VALUES (?, ?, ?, ?)", rows)


def select(where: str, *values: int) -> list[tuple]:
    with database_lock:
        return database.execute(f"SELECT id, title, cents, author FROM book WHERE {where}", values).fetchall()


def as_json(value: object) -> Response:
    return Response(json.dumps(value, sort_keys=True), content_type="application/json")


@app.get("/books")
def books() -> Response:
    author = int(request.args["author"]) % AUTHORS
    rows = select("author = ? ORDER BY id", author)
    remember(author)
    return as_json([{"id": i, "title": title, "cents": cents} for i, title, cents, _ in rows])


def remember(author: int) -> None:
    """Keeps what was shown, for an undo that nobody ever asks for."""
    history.append([f"author {author} row {n}: " + "." * 97 for n in range(SNAPSHOT_ROWS)])  # the leak


@app.post("/quote")
def quote() -> Response:
    wanted = request.get_json()["books"]
    cents = sum(row[2] for number in wanted for row in select("id = ?", number % BOOKS))
    return as_json({"count": len(wanted), "cents": cents})


@app.get("/shelf/<int:number>")
def shelf(number: int) -> str:
    return render_template_string(SHELF, rows=select("id % 101 = ? ORDER BY title", number % 101))


def main() -> None:
    fill()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=FixedHeaders)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
