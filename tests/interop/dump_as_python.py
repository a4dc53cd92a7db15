"""The dump protocol against Python's own notation; run by with-server, see python.sh."""

import os
import random
import socket
import time


def main(port, path):
    seed = int(os.environ.get("YODEL_SEED") or random.randrange(2**32))
    print("seed", seed)
    rng = random.Random(seed)
    chunks = [bytes(range(256)), b"'", b'"', b"'\"", b"\\"]
    chunks += [bytes(rng.choices(b"'\"\\\r\n\tax\0\x7f\xff", k=rng.randrange(1, 9))) for _ in range(300)]
    chunks += [rng.randbytes(1000)]
    with socket.create_connection(("127.0.0.1", port)) as client, open(path, "rb") as printed:
        for chunk in chunks:
            client.sendall(chunk)
            expected = f"received {[chunk]}\n".encode()
            got = b""
            deadline = time.monotonic() + 20
            while len(got) < len(expected) and time.monotonic() < deadline:
                got += printed.read(len(expected) - len(got)) or (time.sleep(0.001) or b"")
            assert got == expected, (got, expected)


main(int(os.environ["PORT"]), os.environ["SERVER_STDOUT"])
