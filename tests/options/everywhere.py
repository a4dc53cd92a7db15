"""Each option is known in every place: the program, its help, README, manual page, completions."""

import re
import unittest

from support import MANUAL, PROGRAMS, SOURCE, main, run

import help_text

SOURCES = {"yodel-server": "server", "yodel-client": "client", "flood": "tools/flood"}
HELP = {program: help_text.parse(program, run(program, "--help")[1]) for program in PROGRAMS}


def names(program):
    """The long options that the help has."""
    return {option.name for option in HELP[program].options}


def readme_section(title):
    """From a heading to the next one."""
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    return re.search(rf"^## {title}\n(.*?)^## ", text, flags=re.M | re.S)[1]


def named_in(text):
    """The long options in a text."""
    return set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)", text))


class Everywhere(unittest.TestCase):
    """Sets of names, which differ where one was forgotten."""

    maxDiff = None

    def test_program(self):
        """The table for getopt_long(3): names, letters, and which take a value."""
        for program, directory in SOURCES.items():
            code = "".join(path.read_text() for path in (SOURCE / directory).glob("*.c"))
            rows = re.findall(r"\{\"([a-z-]+)\", (no|required)_argument, NULL, (?:'(\w)'|\w+)\}", code)
            table = {(name, letter, value == "required") for name, value, letter in rows}
            self.assertEqual({(o.name, o.letter or "", o.argument is not None)
                              for o in HELP[program].options}, table)

    def test_readme_tables(self):
        """Their first columns, with letters."""
        for program in ("yodel-server", "yodel-client"):
            rows = re.findall(r"^\| (`-.*?) \|", readme_section(program), flags=re.M)
            self.assertEqual({o.name for o in HELP[program].options}, named_in(" ".join(rows)))
            letters = set(re.findall(r"`-(\w)`", " ".join(rows)))
            self.assertEqual({o.letter for o in HELP[program].options if o.letter}, letters)

    def test_readme_texts(self):
        """What the README says of flood is not of options that there were once."""
        self.assertLessEqual(named_in(readme_section("flood")), names("flood"))

    def test_manual_page(self):
        """Every option has its paragraph; no other one is mentioned."""
        for program in PROGRAMS:
            page = (MANUAL / f"{program}.1").read_text(encoding="utf-8")
            page = re.sub(r"\\f[BIRP]", "", page).replace("\\-", "-").replace("\\", "")
            options = re.search(r"^\.SH OPTIONS\n(.*?)^\.SH ", page, flags=re.M | re.S)[1]
            heads = re.findall(r"^(?:-\w, )?--([a-z0-9-]+)[^.]*$", options, flags=re.M)
            self.assertEqual(names(program), names(program) & set(heads))
            self.assertLessEqual(named_in(page), names(program))

    def test_bash(self):
        """What it offers behind a dash."""
        for program in PROGRAMS:
            offered = re.search(r"-W '(-[^']*)'", (MANUAL / f"{program}.bash").read_text())[1]
            self.assertEqual({s for o in HELP[program].options for s in o.spellings},
                             set(offered.split()))

    def test_zsh(self):
        """Its specifications."""
        for program in PROGRAMS:
            specs = (MANUAL / f"{program}.zsh").read_text()
            self.assertEqual(names(program),
                             set(re.findall(r"^ {4}'\*.*?--([a-z0-9-]+)", specs, flags=re.M)))

    def test_fish(self):
        """A line each."""
        for program in PROGRAMS:
            lines = (MANUAL / f"{program}.fish").read_text()
            self.assertEqual(names(program), set(re.findall(r" -l (\S+)", lines)))

    def test_values_are_accepted(self):
        """What completions offer is what the program takes."""
        for program in PROGRAMS:
            for option in HELP[program].options:
                for value in option.values + option.list_values:
                    done = run(program, f"--{option.name}", value, "--version")
                    self.assertEqual(done[0], 0, done)

    def test_values_are_complete(self):
        """What a complaint about a wrong one names is what completions offer."""
        found = set()
        for program in PROGRAMS:
            for option in HELP[program].options:
                values = set(option.values + option.list_values)
                if not values:
                    continue
                complaint = run(program, f"--{option.name}", "no-such-value")[2]
                if option.name == "protocol":
                    named = {line.split()[0] for line in run(program, "-P", "help")[1].splitlines()}
                else:
                    words = re.search(r"(?:none of|neither|only) (.*) \(", complaint)
                    self.assertIsNotNone(words, complaint)
                    named = set(re.split(r", | nor | or | and ", words[1]))
                self.assertEqual(values, named, complaint)
                found.add(option.name)
        self.assertLessEqual({"accept", "fault", "log-level", "protocol"}, found)


main()
