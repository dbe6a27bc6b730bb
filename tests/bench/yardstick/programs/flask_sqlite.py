"""Flask over SQLite, called as a WSGI server calls it: a search, an order that is stored, a page."""

import io
import json
import sqlite3

import pace
from flask import Flask, jsonify, render_template_string, request

BOOKS, AUTHORS, ORDERS = 1009, 53, 2003
PAGE = "<ul>{% for row in rows %}<li>{{ row[1] }} <b>{{ row[2] }}</b></li>{% endfor %}</ul>"

app = Flask(__name__)
database = sqlite3.connect(":memory:", isolation_level=None)


@app.get("/books")
def books():
    author = int(request.args["author"])
    rows = database.execute("SELECT id, title, cents FROM book WHERE author = ? ORDER BY id", (author,))
    return jsonify([{"id": number, "title": title, "cents": cents} for number, title, cents in rows])


@app.post("/orders")
def order():
    """The newest orders are kept, so that the last operation finds what the first found."""
    wanted = request.get_json()["books"]
    marks = ",".join("?" * len(wanted))
    (cents,) = database.execute(f"SELECT sum(cents) FROM book WHERE id IN ({marks})", wanted).fetchone()
    made = database.execute("INSERT INTO orders (cents, books) VALUES (?, ?)", (cents, json.dumps(wanted)))
    database.execute("DELETE FROM orders WHERE id <= ?", (made.lastrowid - ORDERS,))
    return jsonify({"order": made.lastrowid, "cents": cents})


@app.get("/shelf/<int:number>")
def shelf(number):
    rows = database.execute("SELECT id, title, cents FROM book WHERE id % 101 = ? ORDER BY title", (number,))
    return render_template_string(PAGE, rows=rows.fetchall())


def fill():
    database.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, cents INTEGER, author INTEGER)")
    database.execute("CREATE INDEX by_author ON book (author)")
    database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, cents INTEGER, books TEXT)")
    rows = [(n, f"Title {n} of many", 500 + n * 13 % 4001, n % AUTHORS) for n in range(BOOKS)]
    database.executemany("INSERT INTO book VALUES (?, ?, ?, ?)", rows)


def ask(method, path, query="", body=b""):
    """One request, through the whole application."""
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    answers = app(environ, lambda status, headers, error=None: statuses.append(status))
    content = b"".join(answers)
    answers.close()
    if statuses.pop() != "200 OK":
        raise SystemExit(content.decode())


statuses = []


def visit(number):
    ask("GET", "/books", query=f"author={number % AUTHORS}")
    ask("POST", "/orders", body=json.dumps({"books": [number % BOOKS, number * 7 % BOOKS]}).encode())
    ask("GET", f"/shelf/{number % 101}")


fill()
pace.run(visit, 30)
