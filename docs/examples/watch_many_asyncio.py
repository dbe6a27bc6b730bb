"""Attaches to several processes at once, watches them all, and names the one that grows most.

    python docs/examples/watch_many_asyncio.py SECONDS PID...

`memscoped serve` runs meanwhile.
"""

import asyncio
import contextlib
import sys

from memscope_client import AsyncClient, DaemonError, Sampling, default_address


async def growth(client: AsyncClient, pid: int, seconds: float) -> float:
    """Bytes a second that stay, of what the process allocates."""
    session = await client.attach(pid, Sampling.bytes(64 * 1024)).result()
    try:
        live = [0.0]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for point in client.watch(session.session_id):
                    live.append(point.figures.live_bytes.value)
                    print(f"{pid}: {live[-1]:,.0f} bytes live", flush=True)
    finally:
        await client.detach(session.session_id)
    return (live[-1] - live[0]) / seconds


async def main(seconds: float, pids: list[int]) -> None:
    async with AsyncClient(default_address()) as client:
        rates = await asyncio.gather(*(growth(client, pid, seconds) for pid in pids))
    rate, pid = max(zip(rates, pids, strict=True))
    print(f"process {pid} grows most: {rate:,.0f} bytes a second")


if __name__ == "__main__":
    try:
        asyncio.run(main(float(sys.argv[1]), [int(pid) for pid in sys.argv[2:]]))
    except DaemonError as error:
        sys.exit(f"{error}\n{error.next_step}")
