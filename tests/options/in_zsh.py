"""Completion in a real zsh."""

import shutil
import tempfile
import unittest
from pathlib import Path

from support import ECHO, MANUAL, PROGRAMS, Completing, Terminal, main, need

need("zsh")


class Zsh(Completing, unittest.TestCase):
    """On a terminal."""

    @classmethod
    def setUpClass(cls):
        cls.functions = tempfile.TemporaryDirectory()
        for program in PROGRAMS:
            shutil.copy(MANUAL / f"{program}.zsh", Path(cls.functions.name, f"_{program}"))
        setup = ["unsetopt zle_bracketed_paste; unset zle_bracketed_paste; PS1='$ '",
                 f"fpath=({cls.functions.name} $fpath); autoload -U compinit; compinit -u -D"]
        cls.shell = Terminal(["zsh", "-f", "-i"], setup + ECHO)

    @classmethod
    def tearDownClass(cls):
        cls.shell.close()
        cls.functions.cleanup()

    def completed(self, line):
        """What becomes of a line."""
        return self.shell.completed(line)


main()
