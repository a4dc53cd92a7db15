"""Manual pages: what groff and mandoc think of them, and how they look on a terminal."""

import re
import shutil
import subprocess
import unittest

from support import MANUAL, PROGRAMS, TIMEOUT, main, need

need("groff")

PAGES = [f"{program}.1" for program in PROGRAMS] + ["libyodel.7"]


def rendered(page):
    """On a terminal of 80 columns: (text, complaints)."""
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-rLL=80n", "-P-c", MANUAL / page],
                          capture_output=True, check=True, timeout=TIMEOUT)
    text = re.sub(r".\x08", "", done.stdout.decode())  # bold is a letter twice
    return text, done.stderr.decode()


class Pages(unittest.TestCase):
    """Every page."""

    def test_without_warnings(self):
        """groff has none; mandoc only minds how scdoc makes paragraphs."""
        for page in PAGES:
            self.assertEqual(rendered(page)[1], "")
            if shutil.which("mandoc"):
                lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", MANUAL / page],
                                      stdout=subprocess.PIPE, check=False, timeout=TIMEOUT)
                self.assertEqual([line for line in lint.stdout.decode().splitlines()
                                  if "skipping paragraph macro" not in line], [])

    def test_fits_a_terminal(self):
        """Also what is not filled."""
        for page in PAGES:
            for line in rendered(page)[0].splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_sections(self):
        """Those that a reader looks for, in the usual order."""
        usual = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SIGNALS", "EXIT STATUS",
                 "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"]
        for page in PAGES:
            there = re.findall(r"^[A-Z][A-Z ]+$", rendered(page)[0], flags=re.M)
            self.assertEqual(there, [name for name in usual if name in there])
            wanted = {"NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "SEE ALSO"}
            if page.endswith(".1"):
                wanted |= {"OPTIONS", "SIGNALS", "EXIT STATUS"}
            self.assertLessEqual(wanted, set(there))

    def test_nothing_is_left(self):
        """No part of a template that was not put in, no markup."""
        for page in PAGES:
            self.assertNotRegex(rendered(page)[0], r"@[A-Z_]+@|\\[*_f]|\*--|--\w+\*")


main()
