"""Every line of a JSON log is an object of three strings; run by with-server, see python.sh."""

import json
import os
import socket

port, path = int(os.environ["PORT"]), os.environ["SERVER_STDERR"]
for text in (b'"\\\x1b\xff\r\n.\r\n', b"half", b"x" * 200):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
with open(path, encoding="utf-8") as log:
    lines = [json.loads(line) for line in log]
assert lines and all(set(line) == {"time", "level", "message"} for line in lines), lines
assert all(isinstance(value, str) for line in lines for value in line.values()), lines
print(len(lines), "lines")
