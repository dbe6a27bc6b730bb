"""An asyncio HTTP server (aiohttp). A request is an operation; whoever measures starts the load."""

import asyncio
import os

from aiohttp import web
from pace import PORT_AT, Pace

OPERATIONS = 100
USERS = [
    {"id": number, "name": f"user{number}", "roles": ["reader", "writer"], "about": "x" * 199}
    for number in range(1009)
]


class Server:
    def __init__(self):
        self.pace = Pace(OPERATIONS)
        self.left = OPERATIONS

    def count(self):
        self.left -= 1
        if self.left == 0:
            self.left = OPERATIONS
            self.pace.slice_done()

    async def user(self, request):
        number = int(request.match_info["number"]) % len(USERS)
        found = dict(USERS[number])
        found["query"] = dict(request.query)
        found["friends"] = [dict(USERS[(number + n) % len(USERS)]) for n in range(8)]
        self.count()
        return web.json_response(found)

    @web.middleware
    async def signed(self, request, handler):
        response = await handler(request)
        response.headers["X-Served"] = str(self.left)
        return response

    async def serve(self):
        app = web.Application(middlewares=[self.signed])
        app.router.add_get("/users/{number}", self.user)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        asyncio.get_running_loop().add_reader(0, os._exit, 3)  # whoever measured is gone
        self.pace.record()
        self.pace.write(PORT_AT, runner.addresses[0][1])
        await asyncio.Event().wait()


asyncio.run(Server().serve())
