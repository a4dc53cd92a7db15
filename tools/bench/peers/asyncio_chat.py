"""A peer of the benchmark: the chat protocol on Python's asyncio, or on uvloop.

usage: asyncio_chat.py asyncio|uvloop PORT      (0: a free one; prints "listening on PORT")

A Protocol, not streams, which cost twice as much; the answers of a receive leave in one write. A
connection whose output waits is not read.
"""
import asyncio
import sys

LONGEST = 64 * 1024  # a longer line ends the connection


class Chat(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.partial = b""

    def data_received(self, data):
        if self.partial:
            data = self.partial + data
        *lines, self.partial = data.split(b"\r\n")
        closes = b"." in lines
        if closes:
            del lines[lines.index(b"."):]
        if lines:
            self.transport.write(b"You sent: " + b"\r\nYou sent: ".join(lines) + b"\r\n")
        if closes or len(self.partial) > LONGEST:
            self.transport.close()

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        if not self.transport.is_closing():
            self.transport.resume_reading()


async def main(port):
    server = await asyncio.get_running_loop().create_server(Chat, "127.0.0.1", port, backlog=4096)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("asyncio", "uvloop"):
        sys.exit(__doc__)
    if sys.argv[1] == "uvloop":
        import uvloop
        uvloop.install()
    asyncio.run(main(int(sys.argv[2])))
