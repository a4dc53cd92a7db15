"""The form of a help: what is understood, and what is refused rather than lost."""

import unittest

from support import main

import bash
import fish
import help_text
import page
import zsh

HELP = """Usage: it [options] [HOST]
       it merge A.json

Does it. And
does it again.

  -a, --all              all of it; more of this
                         than of that
      --out FILE         where to
      --a-very-long-name N only one blank
      --way up|down
                         which way (default up)

More
      --sort KEYS        keys with commas between: name (as written), size; in order
      --quiet            it's [quiet]: no $HOME, no \\e, no *, no _x_

Sizes take K.
Exit status: 0 fine; 1 not
so.

  it --all               the lot
"""


class Form(unittest.TestCase):
    """parse()"""

    def setUp(self):
        self.told = help_text.parse("it", HELP)
        self.options = {option.name: option for option in self.told.options}

    def test_parts(self):
        """All of it is somewhere."""
        self.assertEqual(self.told.usage, ["[options] [HOST]", "merge A.json"])
        self.assertEqual(self.told.operands, ["[HOST]"])
        self.assertEqual(self.told.commands, {"merge": ["A.json"]})
        self.assertEqual(self.told.description, ["Does it. And does it again."])
        self.assertEqual(self.told.notes, ["Sizes take K."])
        self.assertEqual(self.told.exit_status, [("0", "fine"), ("1", "not so")])
        self.assertEqual(self.told.examples, [("it --all", "the lot")])

    def test_options(self):
        """Names, arguments, explanations."""
        self.assertEqual(list(self.options), ["all", "out", "a-very-long-name", "way", "sort", "quiet"])
        self.assertEqual(self.options["all"].spellings, ["-a", "--all"])
        self.assertIsNone(self.options["all"].argument)
        self.assertEqual(self.options["all"].text, "all of it; more of this than of that")
        self.assertEqual(self.options["all"].summary, "all of it")
        self.assertEqual(self.options["a-very-long-name"].argument, "N")
        self.assertEqual(self.options["a-very-long-name"].text, "only one blank")
        self.assertEqual(self.options["out"].kind, "FILE")
        self.assertEqual(self.options["way"].values, ["up", "down"])
        self.assertEqual(self.options["way"].text, "which way (default up)")
        self.assertEqual(self.options["sort"].list_values, ["name", "size"])
        self.assertEqual(self.options["sort"].heading, "More")
        self.assertEqual(self.options["quiet"].heading, "More")
        self.assertEqual(self.options["all"].heading, "")

    def test_refused(self):
        """Each of these would lose something."""
        for old, new in (("Usage: it", "Usage: that"), ("       it merge", "   or: it merge"),
                         ("      --out FILE", "    --out FILE"), ("where to", ""),
                         ("Exit status: 0 fine; 1 not\nso.", ""), ("0 fine;", "fine;"),
                         ("Does it. And\ndoes it again.\n\n", ""),
                         ("  it --all               the lot", "  it --all               the lot\n  that")):
            self.assertIn(old, HELP)
            with self.assertRaises(help_text.Malformed, msg=new):
                help_text.parse("it", HELP.replace(old, new))

    def test_special_characters(self):
        """What is special to scdoc and to the shells arrives as it is."""
        self.assertIn(r"no \\e, no \*, no \_x\_", page.options(self.told))
        self.assertIn("'*--quiet[it'\\''s \\[quiet\\]]'", zsh.completion(self.told))
        self.assertIn("-d 'it\\'s [quiet]'", fish.completion(self.told))
        self.assertNotIn("$HOME", bash.completion(self.told))

    def test_template(self):
        """Each part is wanted once."""
        parts = "@SYNOPSIS@\n@DESCRIPTION@\n@OPTIONS@\n@EXIT_STATUS@\n@EXAMPLES@\n"
        self.assertIn("*1*\n\tnot so\n", page.page(self.told, parts, "1.0"))
        for template in (parts + "@OPTIONS@\n", parts.replace("@EXAMPLES@\n", "")):
            with self.assertRaises(help_text.Malformed):
                page.page(self.told, template, "1.0")


main()
