"""Calls over HTTP/2 in the clear with httpx: http2_client.py URL. Parallel streams, some of them streamed, one given up."""
import asyncio
import sys

import httpx


async def ask(client: httpx.AsyncClient, n: int) -> None:
    body = {"model": "fake-parallel", "stream": n % 2 == 0, "messages": [{"role": "user", "content": f"python {n}"}]}
    answer = await client.post("/v1/chat/completions", json=body, headers={"x-agent-id": f"python-{n % 3}"})
    assert answer.status_code == 200 and answer.http_version == "HTTP/2", answer


async def give_up(client: httpx.AsyncClient) -> None:
    body = {"model": "fake-slow", "stream": True, "messages": [{"role": "user", "content": "never mind"}]}
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        async for _ in answer.aiter_bytes():
            break


async def main() -> None:
    limits = httpx.Limits(max_connections=1)
    headers = {"authorization": "Bearer sk-made-up-python-planted"}
    async with httpx.AsyncClient(base_url=sys.argv[1], http1=False, http2=True, limits=limits, headers=headers) as client:
        await asyncio.gather(*(ask(client, n) for n in range(10)))
        for n in range(10, 14):
            await ask(client, n)
        await give_up(client)
        await ask(client, 14)


asyncio.run(main())
