"""asyncio clients that wait for each answer; run by with-server, see asyncio.sh."""

import asyncio
import os
import random

CLIENTS = 50
LINES = 40
TIMEOUT = 60


def make_line(rng):
    """A random line of payload: any bytes but CRLF, never the closing dot."""
    line = rng.randbytes(rng.choice((0, 1, 10, 100, 5000)))
    line = line.replace(b"\r\n", b"\r \n")
    if line.endswith(b"\r") or line == b".":
        line += b"x"
    return line


async def talk(port, number):
    rng = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(LINES):
        line = make_line(rng)
        data = line + b"\r\n"
        cut = rng.randrange(len(data) + 1)
        writer.write(data[:cut])
        await asyncio.sleep(0)
        writer.write(data[cut:])
        await writer.drain()
        answer = await reader.readexactly(len(b"You sent: ") + len(data))
        assert answer == b"You sent: " + data, (number, data, answer)
    writer.write(b".\r\n")
    assert await reader.read() == b"", "the dot must close, without an answer"
    writer.close()
    await writer.wait_closed()


async def main(port):
    await asyncio.wait_for(asyncio.gather(*(talk(port, i) for i in range(CLIENTS))), TIMEOUT)
    print(f"{CLIENTS} clients, {CLIENTS * LINES} answers")


asyncio.run(main(int(os.environ["PORT"])))
