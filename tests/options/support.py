"""What the tests of manual pages and completions share.

Each is called with the build directory and the source directory:  NAME.py BUILD SOURCE
"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

BUILD, SOURCE = (Path(argument).resolve() for argument in sys.argv[1:3])
MANUAL = BUILD / "manual"
PROGRAMS = ("yodel-server", "yodel-client", "flood")
TIMEOUT = 60  # for what takes a moment, on a machine that is busy

sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tools/options"))


def need(*tools):
    """Ends with the status that ctest takes for "skipped" where one of the tools is missing."""
    for tool in tools:
        if shutil.which(tool) is None:
            print(f"skipped: there is no {tool}")
            sys.exit(77)


def main():
    """Runs the tests of the script."""
    unittest.main(argv=sys.argv[:1], verbosity=2)


def run(program, *arguments):
    """Runs one of our programs: (status, stdout, stderr)."""
    done = subprocess.run([BUILD / "bin" / program, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=TIMEOUT)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Terminal:
    """A shell on a terminal, that somebody types into.

    The programs are functions there, which say what they were called with: <a> <b>.
    """

    def __init__(self, command, setup):
        self.screen = ""
        self.directory = tempfile.TemporaryDirectory()
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8",
                       "HOME": self.directory.name}
        for name in ("some report.json", "other.json"):
            Path(self.directory.name, name).touch()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(self.directory.name)
                os.execvpe(command[0], command, environment)
            finally:
                os._exit(127)
        for line in setup:
            self.type(line + "\n")
        self.type("echo 'rea''dy'\n")
        self.wait_for("ready\r?\n")

    def type(self, keys):
        """As somebody would: it need not be ready yet."""
        os.write(self.fd, keys.encode())

    def wait_for(self, pattern):
        """Waits until the pattern is on the screen, takes everything up to it off, returns the match."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            match = re.search(pattern, self.screen)
            if match:
                self.screen = self.screen[match.end():]
                return match
            readable = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]
            try:
                more = os.read(self.fd, 4096) if readable else b""
            except OSError:
                more = b""
            if not more:
                raise AssertionError(f"no {pattern!r} on the screen, but {self.screen!r}")
            self.screen += more.decode(errors="replace")

    def completed(self, line):
        """What a command line is called with, when TAB was pressed at its end."""
        self.type(line + "\t")
        self.type("\n")
        return self.wait_for(r"called with:((?: <[^>\r\n]*>)*) \.")[1].strip()

    def close(self):
        """Ends the shell."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.directory.cleanup()


# For a Terminal's setup: what a program's name does there.
ECHO = [f"""{program}() {{ printf 'called with:'; printf ' <%s>' "$@"; printf ' .\\n'; }}"""
        for program in PROGRAMS]


class Completing:
    """What every shell has to complete, for a TestCase with a `completed(line)`."""

    def test_option(self):
        """A name that has begun."""
        self.assertEqual(self.completed("yodel-server --back"), "<--backlog>")

    def test_values(self):
        """A choice between words."""
        self.assertEqual(self.completed("yodel-server --accept reu"), "<--accept> <reuseport>")
        self.assertEqual(self.completed("yodel-server --log-level=deb"), "<--log-level=debug>")
        self.assertEqual(self.completed("yodel-server -P du"), "<-P> <dump>")
        self.assertEqual(self.completed("flood --expect ec"), "<--expect> <echo>")

    def test_list(self):
        """The first, and one behind a comma and a percentage."""
        self.assertEqual(self.completed("flood --fault sl"), "<--fault> <slow-read>")
        self.assertEqual(self.completed("flood --fault split:20,dr"), "<--fault> <split:20,drip>")

    def test_files(self):
        """Files where there are to be some."""
        self.assertEqual(self.completed("flood --json oth"), "<--json> <other.json>")
        self.assertEqual(self.completed("flood compare oth"), "<compare> <other.json>")
        self.assertEqual(self.completed("flood --html so"), "<--html> <some report.json>")

    def test_command(self):
        """A word instead of a host."""
        self.assertEqual(self.completed("flood comp"), "<compare>")

    def test_nothing_to_say(self):
        """What is free stays as it was typed."""
        self.assertEqual(self.completed("yodel-server --max-line oth"), "<--max-line> <oth>")
        self.assertEqual(self.completed("yodel-client --timeout 5"), "<--timeout> <5>")
