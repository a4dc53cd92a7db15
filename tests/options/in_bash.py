"""Completion in a real bash."""

import subprocess
import unittest

from support import ECHO, MANUAL, PROGRAMS, Completing, Terminal, main, need

need("bash")


class Bash(Completing, unittest.TestCase):
    """On a terminal."""

    @classmethod
    def setUpClass(cls):
        setup = ["bind 'set enable-bracketed-paste off'", "bind 'set bell-style none'"]
        cls.shell = Terminal(["bash", "--norc", "--noprofile", "-i"],
                             setup + [f". {MANUAL}/{p}.bash" for p in PROGRAMS] + ECHO)

    @classmethod
    def tearDownClass(cls):
        cls.shell.close()

    def completed(self, line):
        """What becomes of a line."""
        return self.shell.completed(line)

    def test_option_with_value(self):
        """= is a separator for readline, and not for the program."""
        self.assertEqual(self.completed("flood --json=oth"), "<--json=other.json>")

    def test_syntax(self):
        """Without any other program's functions."""
        for program in PROGRAMS:
            subprocess.run(["bash", "-n", MANUAL / f"{program}.bash"], check=True)


main()
