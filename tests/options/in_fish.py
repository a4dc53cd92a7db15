"""Completion in a real fish, which can be asked for it."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from support import MANUAL, PROGRAMS, TIMEOUT, main, need

need("fish")


class Fish(unittest.TestCase):
    """complete -C LINE"""

    def completions(self, line):
        """The words that fish offers in place of the last one."""
        with tempfile.TemporaryDirectory() as home:
            for name in ("some report.json", "other.json"):
                Path(home, name).touch()
            script = "".join(f"source {MANUAL}/{p}.fish\n" for p in PROGRAMS)
            done = subprocess.run(["fish", "--no-config", "-c", f"{script}complete -C '{line}'"],
                                  cwd=home, env={"HOME": home, "PATH": "/usr/bin:/bin"},
                                  stdin=subprocess.DEVNULL, capture_output=True, check=True,
                                  timeout=TIMEOUT)
        self.assertEqual(done.stderr, b"")
        return [row.split("\t")[0] for row in done.stdout.decode().splitlines()]

    def test_option(self):
        """A name that has begun, and all of them."""
        self.assertEqual(self.completions("yodel-server --back"), ["--backlog"])
        self.assertIn("--raw", self.completions("yodel-client --"))

    def test_values(self):
        """A choice between words."""
        self.assertEqual(self.completions("yodel-server --accept "), ["handoff", "reuseport"])
        self.assertEqual(self.completions("yodel-server --log-level=deb"), ["--log-level=debug"])
        self.assertEqual(self.completions("yodel-server -P du"), ["dump"])

    def test_list(self):
        """One behind a comma and a percentage."""
        self.assertIn("split:20,drip", self.completions("flood --fault split:20,dr"))

    def test_files(self):
        """Files where there are to be some, and nowhere else."""
        self.assertEqual(self.completions("flood --json oth"), ["other.json"])
        self.assertEqual(self.completions("flood compare oth"), ["other.json"])
        self.assertEqual(self.completions("yodel-server --max-line oth"), [])

    def test_command(self):
        """A word instead of a host."""
        self.assertIn("compare", self.completions("flood comp"))


main()
