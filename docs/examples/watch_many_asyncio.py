"""Attaches to several processes at once, watches them all, and names the one that grows most.

    python docs/examples/watch_many_asyncio.py POINTS PID...

`memscoped serve` runs meanwhile.
"""

import asyncio
import sys

from memscope_client import AsyncClient, DaemonError, Sampling, default_address


async def growth(client: AsyncClient, pid: int, count: int) -> float:
    """Bytes that stay, of what the process allocates within so many points, one a second."""
    session = await client.attach(pid, Sampling.bytes(64 * 1024)).result()
    live = 0.0
    try:
        async for point in client.watch(session.session_id):
            live = point.figures.live_bytes.value
            print(f"{pid}: {live:,.0f} bytes live", flush=True)
            if point.number >= count:
                break
    finally:
        await client.detach(session.session_id)
    return live


async def main(count: int, pids: list[int]) -> None:
    async with AsyncClient(default_address()) as client:
        grown = await asyncio.gather(*(growth(client, pid, count) for pid in pids))
    most, pid = max(zip(grown, pids, strict=True))
    print(f"process {pid} has grown most: by {most:,.0f} bytes")


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]), [int(pid) for pid in sys.argv[2:]]))
    except DaemonError as error:
        sys.exit(f"{error}\n{error.next_step}")
