"""The servers that are measured: how each is built and started.

yodel and the limit are built by CMake. The other peers need what need not be there: a library's
headers, Go, uvloop. Each function below returns the command that serves the chat protocol on the
port that "0" lets it choose, or raises Missing and says what is missing.
"""
import os
import re
import select
import shutil
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")
PYTHON = "/usr/bin/python3"  # Debian's, which python3-uvloop belongs to


class Missing(Exception):
    """What a peer needs is not installed."""


class Failed(Exception):
    """A server or a generator did not do what it should."""


def _output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _build(command, source, target, env=None):
    if os.path.exists(target) and os.path.getmtime(target) > os.path.getmtime(source):
        return
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise Missing(f"{os.path.basename(source)} cannot be built:\n{done.stderr.strip()}")


def _c_peer(name, module, package, out):
    """A peer in C; out is the directory for what is built. The command, and the version."""
    for tool in ("cc", "pkg-config"):
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is not installed")
    version = _output("pkg-config", "--modversion", module)
    if version is None:
        raise Missing(f"{package} is not installed")
    source, target = f"{PEERS}/{name}.c", f"{out}/peer-{name}"
    flags = _output("pkg-config", "--cflags", "--libs", module).split()
    _build(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", target, source, *flags],
           source, target)
    return [target, "0"], f"{name} {version}"


def _yodel(binaries, out):
    del out
    command = [f"{binaries}/yodel-server", "--host", "127.0.0.1", "--port", "0"]
    return command, _output(command[0], "--version").split("\n", maxsplit=1)[0]


def _limit(binaries, out):
    del out
    return [f"{binaries}/bench-limit", "0"], "tools/bench/peers/limit.c"


def _libuv(binaries, out):
    del binaries
    return _c_peer("libuv", "libuv", "libuv1-dev", out)


def _libevent(binaries, out):
    del binaries
    return _c_peer("libevent", "libevent_core", "libevent-dev", out)


def _go(binaries, out):
    del binaries
    if shutil.which("go") is None:
        raise Missing("golang-go is not installed")
    source, target = f"{PEERS}/chat.go", f"{out}/peer-go"
    env = dict(os.environ, GO111MODULE="off", GOCACHE=f"{out}/go-cache", GOFLAGS="", GOPROXY="off")
    _build(["go", "build", "-o", target, source], source, target, env)
    return [target, "0"], _output("go", "version")


def _python(loop, module):
    if not os.path.exists(PYTHON):
        raise Missing(f"there is no {PYTHON}")
    version = _output(PYTHON, "-c", f"import {module}, platform; "
                      f"print(platform.python_version(), getattr({module}, '__version__', ''))")
    if version is None:
        raise Missing(f"python3-{module} is not installed")
    return [PYTHON, f"{PEERS}/asyncio_chat.py", loop, "0"], f"{loop}: Python {version.strip()}"


def _uvloop(binaries, out):
    del binaries, out
    return _python("uvloop", "uvloop")


def _asyncio(binaries, out):
    del binaries, out
    return _python("asyncio", "asyncio")


# In the order of tables and pictures. Each is called with the directory of yodel's binaries and the
# one for what is built here, and returns the command and the version.
ALL = {
    "yodel": _yodel,
    "limit": _limit,
    "libuv": _libuv,
    "go": _go,
    "libevent": _libevent,
    "uvloop": _uvloop,
    "asyncio": _asyncio,
}


class Server:
    """A running server, pinned to the cores given: port and pid. A context manager."""

    def __init__(self, command, cores):
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.pid = self.process.pid
        try:
            self.port = self._await_port(command)
        except BaseException:
            self._end()
            raise

    def _await_port(self, command):
        said = b""
        deadline = time.monotonic() + 30
        fd = self.process.stdout.fileno()
        while time.monotonic() < deadline:
            if not select.select([fd], [], [], 1)[0]:
                continue
            piece = os.read(fd, 4096)
            said += piece
            found = re.search(rb"listening on (?:127\.0\.0\.1:)?(\d+)\s", said)
            if found:
                return int(found.group(1))
            if not piece:
                break
        raise Failed(f"{' '.join(command)} does not listen: {said.decode(errors='replace')}")

    def resident(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            return int(re.search(r"^Rss:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024

    def _end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._end()
