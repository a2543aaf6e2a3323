"""The openai package asked as often, in an environment of its own: `python _openai.py URL CALLS AT_ONCE TEXT`."""

import asyncio
import json
import sys
import time

from openai import AsyncOpenAI  # type: ignore[import-not-found,unused-ignore]


async def main(url: str, calls: int, at_once: int, text: str) -> None:
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    free = asyncio.Semaphore(at_once)

    async def ask() -> None:
        async with free:
            await client.chat.completions.create(model="fixed", messages=[{"role": "user", "content": text}])

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(ask() for _ in range(calls)))
    print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
