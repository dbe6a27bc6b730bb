"""A small order service with a leak: it renders receipts from templates and SQLite, over and over.

Everything it makes is dropped again, but for one thing: a cache of receipts that is never emptied, since
its key holds the time of the request. Run it, then: memscoped attach PID --duration 5
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import string
import threading
import time

PRODUCTS = 199
LINES_PER_ORDER = 23
RECEIPT = string.Template("Order $number for $customer\n$lines\nTotal: $total\n")


class Shop:
    """Products in a database, receipts in a cache."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.execute("CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, cents INTEGER)")
        rows = [(n, f"product {n}", 100 + 7 * n) for n in range(PRODUCTS)]
        self.database.executemany("INSERT INTO product VALUES (?, ?, ?)", rows)
        self.receipts: dict[tuple[int, int], bytes] = {}

    def order(self, number: int) -> list[dict]:
        wanted = [(number * 31 + n) % PRODUCTS for n in range(LINES_PER_ORDER)]
        marks = ",".join("?" * len(wanted))
        query = f"SELECT id, name, cents FROM product WHERE id IN ({marks})"
        rows = self.database.execute(query, wanted)
        return [{"id": row[0], "name": row[1], "cents": row[2]} for row in rows]

    def receipt(self, number: int) -> bytes:
        lines = self.order(number)
        text = RECEIPT.substitute(
            number=number,
            customer=f"customer {number % 997}",
            lines="\n".join(f"{line['name']:<40}{line['cents'] / 100:>10.2f}" for line in lines),
            total=sum(line["cents"] for line in lines) / 100,
        )
        return self.remember(number, text)

    def remember(self, number: int, text: str) -> bytes:
        key = (number, time.monotonic_ns())
        self.receipts[key] = text.encode() * 2  # the leak
        return self.receipts[key]


def report(shop: Shop, orders: range) -> str:
    """A summary as other programs would want it: much JSON that lives for a moment only."""
    documents = [json.dumps(shop.order(number)) for number in orders]
    return hashlib.sha256("".join(documents).encode()).hexdigest()


def serve(shop: Shop, seconds: float) -> int:
    ends, number = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        number += 1
        shop.receipt(number)
        if number % 37 == 0:
            report(shop, range(number - 17, number))
        time.sleep(0.0003)
    return number


def main() -> None:
    shop = Shop()
    seconds = float(os.environ.get("DEMO_SECONDS", "60"))
    print(os.getpid(), flush=True)
    worker = threading.Thread(target=serve, args=(shop, seconds), name="orders")
    worker.start()
    worker.join()


if __name__ == "__main__":
    main()
