"""An aiohttp server with one leaking line. Prints its port, then answers until it is killed.

Every response depends on the request alone, byte for byte, so a twin that nobody watches gives the same
ones. ``GET /item/N`` a document, ``POST /sum`` the sum of a JSON list, ``GET /page/N`` some HTML.
"""

from __future__ import annotations

import asyncio
import hashlib
import json

from aiohttp import web

FIELDS = 29
BLOCK_BYTES = 6007
audit_trail: list[bytearray] = []


def document(number: int) -> dict:
    """A nested document, made anew for each request."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return {
        "id": number,
        "digest": digest,
        "fields": [{"name": f"field-{n}", "value": (number * 7919 + n) % 10007} for n in range(FIELDS)],
    }


def audit(number: int) -> None:
    """Keeps a record of each request, and never lets go of it."""
    record = bytearray(BLOCK_BYTES)  # the leak
    record[: len(str(number))] = str(number).encode()
    audit_trail.append(record)


async def item(request: web.Request) -> web.Response:
    number = int(request.match_info["number"])
    audit(number)
    return answer(json.dumps(document(number), sort_keys=True), "application/json")


async def total(request: web.Request) -> web.Response:
    numbers = await request.json()
    await asyncio.sleep(0)
    return answer(json.dumps({"sum": sum(numbers), "count": len(numbers)}), "application/json")


async def page(request: web.Request) -> web.Response:
    number = int(request.match_info["number"])
    rows = (
        f"<tr><td>{field['name']}</td><td>{field['value']}</td></tr>" for field in document(number)["fields"]
    )
    return answer(f"<html><body><table>{''.join(rows)}</table></body></html>", "text/html")


def answer(text: str, content_type: str) -> web.Response:
    """A response without a header that tells the time or the version, so that twins answer alike."""
    headers = {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Server": "twin"}
    return web.Response(text=text, content_type=content_type, headers=headers)


async def serve() -> None:
    app = web.Application()
    app.add_routes(
        [web.get("/item/{number}", item), web.post("/sum", total), web.get("/page/{number}", page)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
