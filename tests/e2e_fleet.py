#!/usr/bin/env python3
"""A fleet: HAProxy in front of three servers, as tools/fleet/run makes it, under flood's eyes.

    e2e_fleet.py SOURCE_DIR BIN_DIR

Each server is upgraded, each is rolled, one is killed. No answer may be missing but those of the
killed one's connections, and of these as many connections as HAProxy says it had. Ends with status 77
where there can be no network namespaces, or where HAProxy is not installed.
"""

import csv
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.request

SOURCE, BIN = sys.argv[1:3]
SERVERS = ("one", "two", "three")
NAME = f"yodel-{os.getpid()}"
NET = f"198.18.{random.randint(20, 250)}"
TIMEOUT = 120  # seconds for a condition; reached only by a failure


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def check_machine():
    """The test can only be where these are."""
    if os.geteuid() != 0:
        skip("network namespaces are for root only")
    for program in ("haproxy", "ip"):
        if shutil.which(program) is None:
            skip(f"{program} is not installed")
    probe = f"{NAME}-probe"
    for command in (
        ["ip", "netns", "add", probe],
        ["ip", "-n", probe, "link", "add", "bridge", "type", "bridge"],
        ["ip", "-n", probe, "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            subprocess.run(["ip", "netns", "del", probe], capture_output=True)
            skip(f"'{' '.join(command)}' is not allowed here: {done.stderr.strip()}")
    subprocess.run(["ip", "netns", "del", probe], check=True)


def wait_for(what, condition):
    """The first value of condition() that is true."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what}: not after {TIMEOUT} s")


def end_with_us():
    """In a child: SIGTERM to it when this process ends, however that may be."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Fleet:
    """tools/fleet/run, and what is inside."""

    def __init__(self):
        command = [f"{SOURCE}/tools/fleet/run", "--name", NAME, "--net", NET, "--bin", BIN, "-t", "2"]
        self.log = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=end_with_us,
        )
        for line in self.process.stdout:
            self.log.append(line)
            if line.startswith("Ctrl-C"):
                break
        else:
            raise AssertionError(f"it did not start: {''.join(self.log)}")
        self.directory = re.search(r"logs +(\S+)/\*\.log", "".join(self.log))[1]
        self.haproxy = f"{NET}.1"

    def end(self):
        """As by Ctrl-C, in a script."""
        self.process.terminate()
        self.process.stdout.close()
        self.status = self.process.wait(TIMEOUT)

    def pids(self, server):
        """The processes of a server: two during an upgrade."""
        done = subprocess.run(
            ["ip", "netns", "pids", f"{NAME}-{server}"], capture_output=True, text=True, check=True
        )
        return {int(pid) for pid in done.stdout.split()}

    def signal(self, server, number):
        """To its only process, which is returned."""
        (pid,) = self.pids(server)
        os.kill(pid, number)
        return pid

    def log_of(self, server):
        with open(f"{self.directory}/{server}.log", encoding="utf-8") as file:
            return file.read()

    def statistics(self):
        """HAProxy's numbers of each server."""
        with urllib.request.urlopen(f"http://{self.haproxy}:8404/;csv", timeout=TIMEOUT) as answer:
            rows = csv.DictReader(answer.read().decode()[2:].splitlines())
        return {row["svname"]: row for row in rows if row["pxname"] == "yodel"}

    def cut_off(self):
        """How many connections each server has cut off with something on its way, by HAProxy's log
        (option tcplog: a termination state that begins with S)."""
        found = re.findall(r" yodel/(\w+) \S+ \d+ [sS]\S ", self.log_of("haproxy"))
        return {server: found.count(server) for server in SERVERS}

    def is_up(self, server):
        return self.statistics()[server]["status"] == "UP"

    def metric(self, server, name):
        """The sum over the workers of a server's own counter."""
        address = f"{NET}.{11 + SERVERS.index(server)}"
        with urllib.request.urlopen(f"http://{address}:9107/metrics", timeout=TIMEOUT) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(name + r"[{ ]", line))


class Flood:
    """flood through HAProxy until it is told to end."""

    def __init__(self, fleet, *options):
        command = [f"{BIN}/flood", "-q", "--no-color", "--json", "-", "-d", "1h", "-w", "0", "-T", "60s"]
        self.process = subprocess.Popen(
            [*command, *options, f"{fleet.haproxy}:8007"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_us,
        )

    def kill(self):
        """Whatever it does; nothing if it has ended."""
        self.process.kill()
        self.process.communicate()

    def end(self):
        """Its counts, and its errors by their names."""
        self.process.send_signal(signal.SIGINT)
        out, self.text = self.process.communicate(timeout=TIMEOUT)
        run = json.loads(out)["runs"][0]
        names = ("wrong", "connect", "reset", "closed-early", "timeout", "lost")
        errors = {name: int(run["metrics"][name]) for name in names if run["metrics"][name]}
        return run["counts"], errors


# A few lines and a new connection, again and again; and connections that stay, with lines at a pace at which
# there are always some on their way.
CHURN = ("-c", "20", "-t", "1", "--churn", "20", "-s", "1-300")
STAY = ("-c", "30", "-t", "1", "-R", "3k", "-s", "1-300")


class Test(unittest.TestCase):
    """One fleet for all of it, in this order."""

    fleet = None

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()

    @classmethod
    def tearDownClass(cls):
        fleet = cls.fleet
        logs = {server: fleet.log_of(server) for server in (*SERVERS, "haproxy")}
        fleet.end()
        left = [entry for entry in os.listdir("/run/netns") if entry.startswith(NAME)]
        assert fleet.status == 0, f"tools/fleet/run ended with status {fleet.status}"
        assert not left, f"namespaces are left: {left}"
        assert not os.path.exists(fleet.directory)
        assert not os.path.exists(f"/sys/class/net/{NAME[:15]}"), "the interface is left"
        for server in SERVERS:
            assert " ERROR " not in logs[server], logs[server]
            assert "Sanitizer" not in logs[server], logs[server]

    def flood(self, *options):
        """One that does not outlive its test."""
        flood = Flood(self.fleet, *options)
        self.addCleanup(flood.kill)
        return flood

    def answered_of(self, flood):
        """How many lines were answered; none may be missing, nor anything else be wrong."""
        counts, errors = flood.end()
        self.assertEqual(errors, {}, flood.text)
        self.assertGreater(counts["answered"], 0)
        self.assertEqual(counts["answered"], counts["sent"])
        return counts["answered"]

    def assert_no_check_failed(self, server):
        """But for one that came late: a busy machine's fault."""
        row = self.fleet.statistics()[server]
        if row["check_status"] not in ("L4TOUT", "L7TOUT"):
            self.assertEqual(row["status"], "UP", row)

    def test_1_upgrades(self):
        """Nobody notices: those that stay neither, they stay with the old process."""
        fleet = self.fleet
        churn, stay = self.flood(*CHURN), self.flood(*STAY)
        wait_for("connections", lambda: int(fleet.statistics()["BACKEND"]["scur"]) >= 30)
        before = fleet.statistics()
        for server in SERVERS:
            old = fleet.signal(server, signal.SIGUSR2)
            wait_for("the upgrade", lambda: "serves now" in fleet.log_of(server))
            self.assertIn(old, fleet.pids(server))
            (new,) = fleet.pids(server) - {old}
            # The new one gets its part.
            wait_for("new connections", lambda: fleet.metric(server, "yodel_connections_accepted_total") > 20)
            self.assert_no_check_failed(server)
            self.assertIn(new, fleet.pids(server))
        answered = self.answered_of(stay) + self.answered_of(churn)
        print(f"three upgrades: {answered} lines answered, none lost", flush=True)
        for server in SERVERS:
            wait_for("the old one's end", lambda: len(fleet.pids(server)) == 1)
        for server in SERVERS:
            # It may have been down before: when HAProxy was there first.
            self.assertEqual(fleet.statistics()[server]["chkdown"], before[server]["chkdown"])

    def test_2_rolled(self):
        """SIGTERM, and the server is started again: with --drain-delay no client meets a closed door."""
        fleet = self.fleet
        churn = self.flood(*CHURN)
        for server in SERVERS:
            old = fleet.signal(server, signal.SIGTERM)
            wait_for("HAProxy to notice", lambda: not fleet.is_up(server))
            self.assertEqual(fleet.pids(server), {old}, "it ended before HAProxy noticed")
            wait_for("the next one", lambda: fleet.pids(server) and old not in fleet.pids(server))
            wait_for("HAProxy to notice", lambda: fleet.is_up(server))
        answered = self.answered_of(churn)
        print(f"three rolled: {answered} lines answered, none lost", flush=True)

    def kill(self, server):
        """It is started again; so soon, perhaps, that HAProxy has seen nothing of it."""
        old = self.fleet.signal(server, signal.SIGKILL)
        wait_for("the next one", lambda: self.fleet.pids(server) - {old})
        wait_for("HAProxy to find it", lambda: self.fleet.is_up(server))

    def test_3_killed(self):
        """The killed one's connections end, with the lines on their way; no other one, and everybody
        is served by the others."""
        fleet = self.fleet
        stay = self.flood(*STAY)
        wait_for("connections", lambda: fleet.statistics()["BACKEND"]["scur"] == "30")
        had = {server: int(fleet.statistics()[server]["scur"]) for server in SERVERS}
        self.assertEqual(had, {server: 10 for server in SERVERS})  # leastconn
        for server in SERVERS:
            wait_for("them to be accepted", lambda: fleet.metric(server, "yodel_connections_active") == 10)
        before = int(fleet.statistics()["BACKEND"]["stot"])
        self.kill("one")

        def have_connected_again():
            row = fleet.statistics()["BACKEND"]
            return int(row["stot"]) >= before + had["one"] and row["scur"] == "30"

        wait_for("them to connect again", have_connected_again)
        counts, errors = stay.end()
        wait_for("HAProxy to be done", lambda: fleet.statistics()["BACKEND"]["scur"] == "0")
        self.assertLessEqual({server for server, n in fleet.cut_off().items() if n}, {"one"})
        ended = errors.pop("reset", 0) + errors.pop("closed-early", 0)
        lost = errors.pop("lost", 0)
        print(
            f"one killed: {counts['answered']} lines answered; {ended} connections ended, "
            f"with {lost} lines on their way",
            flush=True,
        )
        # One that connects again at once may still be let in by the kernel of the one that is ending.
        self.assertGreaterEqual(ended, had["one"], stay.text)
        self.assertLessEqual(ended, 2 * had["one"], stay.text)
        self.assertEqual(errors, {}, stay.text)
        self.assertEqual(counts["answered"] + lost, counts["sent"])

    def test_4_killed_under_churn(self):
        """Connects that were on their way to it go to another one."""
        fleet = self.fleet
        churn = self.flood(*CHURN)
        before = fleet.statistics()["two"]
        cut_off = fleet.cut_off()
        wait_for("connections", lambda: int(fleet.statistics()["two"]["stot"]) > int(before["stot"]) + 50)
        self.kill("two")
        counts, errors = churn.end()
        wait_for("HAProxy to be done", lambda: fleet.statistics()["BACKEND"]["scur"] == "0")
        after = fleet.statistics()["two"]
        ended = errors.pop("reset", 0) + errors.pop("closed-early", 0)
        lost = errors.pop("lost", 0)
        print(
            f"one killed under churn: {counts['answered']} lines answered; {ended} connections ended, "
            f"with {lost} lines on their way; {int(after['wredis']) - int(before['wredis'])} connects "
            "went to another one",
            flush=True,
        )
        self.assertLessEqual(ended, 20, churn.text)  # as many as there are at a time
        self.assertEqual(errors, {}, churn.text)
        killed = fleet.cut_off()["two"]
        self.assertLessEqual(killed, ended)
        self.assertEqual(fleet.cut_off(), {**cut_off, "two": killed})


class Mistakes(unittest.TestCase):
    """What is wrong is said at once, and nothing is started."""

    def wrong(self, *options):
        done = subprocess.run(
            [f"{SOURCE}/tools/fleet/run", "--bin", BIN, *options],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        return done.stderr

    def test_no_value(self):
        for option in ("--name", "--net", "--bin"):
            self.assertIn(f"{option} needs a value", self.wrong(option))

    def test_options_of_the_servers(self):
        self.assertIn("unknown option '--bogus'", self.wrong("--bogus"))
        self.assertIn("--grace 'x' is not a duration", self.wrong("--grace", "x"))


if __name__ == "__main__":
    check_machine()
    unittest.main(argv=sys.argv[:1], verbosity=2)
