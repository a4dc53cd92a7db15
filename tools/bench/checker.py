"""Is this a chat server? What every server must do right before it is measured."""
import fcntl
import random
import socket
import struct
import termios
import threading

PREFIX = b"You sent: "
TIMEOUT = 10  # seconds for any answer


class Wrong(Exception):
    """The server did something else."""


def _connect(port):
    s = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def _expect(s, wanted, what):
    got = b""
    while len(got) < len(wanted):
        try:
            piece = s.recv(1 << 20)
        except socket.timeout:
            raise Wrong(f"{what}: {len(got)} of {len(wanted)} bytes after {TIMEOUT} s") from None
        if not piece:
            raise Wrong(f"{what}: closed after {len(got)} of {len(wanted)} bytes")
        got += piece
    if got != wanted:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), len(wanted))
        raise Wrong(f"{what}: byte {at} is not what was sent: {got[at - 20:at + 20]!r}")


def _unread(s):
    return struct.unpack("i", fcntl.ioctl(s, termios.FIONREAD, b"\0\0\0\0"))[0]


def _answers(lines):
    return b"".join(PREFIX + line + b"\r\n" for line in lines)


def _exchange(s, lines, what, pieces=1):
    """Sends the lines in so many pieces; each answer that is due must come before the next piece."""
    data = b"".join(line + b"\r\n" for line in lines)
    step = -(-len(data) // pieces)
    answered = 0
    for at in range(0, len(data), step):
        s.sendall(data[at:at + step])
        complete = 0
        seen = 0
        for line in lines:
            seen += len(line) + 2
            complete += seen <= at + step
        _expect(s, _answers(lines[answered:complete]), what)
        answered = complete


def check(port):
    """Raises Wrong with what is wrong."""
    rng = random.Random(6)
    with _connect(port) as s:
        _exchange(s, [b"hello"], "a line")
        _exchange(s, [b""], "an empty line")
        _exchange(s, [b"..", b". ", b"x"], "lines that do not close")
        _exchange(s, [b"bare \n and \r and \r\r", b"\nfirst", b"\0\xff\x80"],
                  "bytes that end no line")
        _exchange(s, [b"one", b"two", b"three"], "three lines byte by byte", pieces=16)
        for size in (8, 64, 1024, 16384, 60000):
            line = rng.randbytes(size).replace(b"\n", b"n")
            _exchange(s, [line], f"a line of {size} bytes")
            _exchange(s, [line] * 3, f"lines of {size} bytes in pieces", pieces=7)
        _exchange(s, [b"%d" % i * (i % 20) for i in range(3000)], "3,000 lines at once")
        with _connect(port) as other:
            _exchange(other, [b"another connection"], "a second connection")
        _exchange(s, [b"x" * 14] * 64, "64 lines")
        s.sendall(b"last\r\n.\r\n")
        _expect(s, _answers([b"last"]), "the line before the one that closes")
        try:
            rest = s.recv(1)
        except socket.timeout:
            raise Wrong("the line '.' does not close") from None
        if rest:
            raise Wrong("something comes after the line '.'")
    # One that takes nothing until its kernel and the server's are full.
    lines = [rng.randbytes(1000).replace(b"\n", b"n") for _ in range(1000)]
    data = b"".join(line + b"\r\n" for line in lines)
    with _connect(port) as s, _connect(port) as other:
        sender = threading.Thread(target=lambda: [s.sendall(data) for _ in range(16)])
        sender.start()
        while sender.is_alive():
            before = _unread(s)
            sender.join(0.05)
            if _unread(s) == before:
                break
        _exchange(other, [b"hello"], "another connection beside one that takes nothing")
        _expect(s, _answers(lines) * 16, "16 MB of answers that nobody took at first")
        sender.join()
