"""What the servers have to do, and how one measurement of it is made."""
import contextlib
import json
import os
import resource
import socket
import subprocess
from dataclasses import dataclass

from servers import Failed, Server

HOLD = 15000  # connections of the idle scenario
WARM_UP = 0.2  # seconds at the most
LINE = b"x" * 14 + b"\r\n"
ANSWER = b"You sent: " + LINE


@dataclass
class Scenario:
    """Lines are counted with their CRLF. `work` is bench-load's, without port and seconds."""
    name: str
    title: str
    work: tuple = ()
    unit: str = "µs"  # server CPU per message; or the latency; less is better in every unit
    kind: str = "steady"  # or churn, latency, idle, pair
    options: tuple = ("--threads", "1")  # yodel's
    only: tuple = ()  # these servers; none: all


ALL = [
    Scenario("ping-pong-16x50", "ping-pong, 16 B, 50 connections", ("50x1x16",)),
    Scenario("ping-pong-16x500", "ping-pong, 16 B, 500 connections", ("500x1x16",)),
    Scenario("ping-pong-1024x50", "ping-pong, 1,024 B, 50 connections", ("50x1x1024",)),
    Scenario("ping-pong-1024x500", "ping-pong, 1,024 B, 500 connections", ("500x1x1024",)),
    Scenario("pipelined-16", "pipelined, 16 B, depth 64, 50 connections", ("50x64x16",)),
    Scenario("pipelined-1024", "pipelined, 1,024 B, depth 16, 50 connections", ("50x16x1024",)),
    Scenario("bulk", "bulk, 16,384 B, depth 4, 16 connections", ("16x4x16384",)),
    Scenario("churn", "churn: connect, one line, close; 50 at a time", ("50", "16"), kind="churn"),
    Scenario("churn-reuseport", "churn, yodel with --accept reuseport", ("50", "16"), kind="churn",
             options=("--threads", "1", "--accept", "reuseport"), only=("yodel", "limit")),
    Scenario("mixed", "mixed: p99 of 500 ping-pong beside 10 pipelined connections",
             ("10x64x16", "500x1x16"), unit="µs p99", kind="latency"),
    Scenario("idle", f"idle: memory per connection, {HOLD:,} connections", unit="bytes",
             kind="idle"),
    Scenario("workers-ping-pong", "ping-pong, 16 B, 50 connections a worker", ("50x1x16",),
             kind="pair"),
    Scenario("workers-pipelined", "pipelined, 16 B, depth 64, 50 connections a worker",
             ("50x64x16",), kind="pair"),
]

# Who serves the pair scenarios: one worker on one core; two, one on each of two cores; and two
# processes of one worker, which share nothing whatever they do. Where two cores serve, a generator
# runs on each of them beside the worker.
PAIR = ("one worker", "two workers", "two processes")


class Generator:
    """bench-load, started and pinned to a core."""

    def __init__(self, binaries, scenario, servers, seconds, core):
        kind = "churn" if scenario.kind == "churn" else "steady"
        self.process = subprocess.Popen(
            [f"{binaries}/bench-load", "-s", ",".join(str(s.pid) for s in servers),
             "-w", str(min(seconds, WARM_UP)), kind,
             ",".join(str(s.port) for s in servers), str(seconds), *scenario.work],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.patience = 10 * seconds + 60

    def result(self):
        """What bench-load prints."""
        try:
            out, complaint = self.process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("bench-load hangs") from None
        if self.process.returncode != 0:
            raise Failed(complaint.strip())
        return json.loads(out)


def _loaded(binaries, scenario, servers, seconds, cores):
    """A measurement under load, with a generator on each of the cores."""
    generators = [Generator(binaries, scenario, servers, seconds, core) for core in cores]
    results = [g.result() for g in generators]
    messages = sum(r["messages"] / r["seconds"] for r in results)
    cpu = sum(r["cpu_ns"] / r["seconds"] for r in results) / len(results)
    if messages == 0:
        raise Failed("no message was answered")
    value = results[0]["p99_us"] if scenario.kind == "latency" else cpu / 1000 / messages
    return {"value": value, "throughput": messages}


def _exchange(s):
    s.sendall(LINE)
    got = b""
    while len(got) < len(ANSWER):
        piece = s.recv(len(ANSWER) - len(got))
        if not piece:
            raise Failed("the server closed")
        got += piece
    if got != ANSWER:
        raise Failed("the server answered something else")


def hold_count():
    """How many connections the idle scenario can have here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(HOLD, hard - 1000)


def _idle(server):
    """Resident bytes for each connection that has had a line echoed and does nothing more."""
    with contextlib.ExitStack() as stack:

        def connect():
            s = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            _exchange(s)

        for _ in range(10):
            connect()
        before = server.resident()
        count = hold_count() - 10
        for _ in range(count):
            connect()
        return {"value": (server.resident() - before) / count}


def _serve(command, name, options, cores):
    """The servers to measure (not started), and the cores to generate the load on."""
    one, other = cores[0], cores[-1]
    if name == "two workers":
        return [([*command, "--threads", "2", "--pin"], {one, other})], [one, other]
    if name == "two processes":
        return [([*command, "--threads", "1"], {core}) for core in (one, other)], [one, other]
    if name in ("yodel", "one worker"):
        command = [*command, *options]
    return [(command, {one})], [other]


@contextlib.contextmanager
def subject(scenario, name, command, cores):
    """Who is measured in a scenario, and serves from the beginning. What comes is a function that
    measures it once: {"value": in the scenario's unit, "throughput": per second}."""
    commands, load_cores = _serve(command, name, scenario.options, cores)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(*each)) for each in commands]

        def measure(binaries, seconds):
            if scenario.kind == "idle":
                return _idle(servers[0])
            return _loaded(binaries, scenario, servers, seconds, load_cores)

        yield measure
