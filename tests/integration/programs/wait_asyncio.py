"""An asyncio loop with nothing to do."""

import asyncio

from talk import Talk

talk = Talk()


async def main():
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(talk.commands, asked.set)
    talk.ready()
    while True:
        await asked.wait()
        asked.clear()
        talk.serve()


asyncio.run(main())
