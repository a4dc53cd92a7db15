"""What a program's --help says, taken apart: the only description of its options there is.

The form that a help has to have:

    Usage: PROGRAM [options] [OPERAND...]
           PROGRAM word OPERAND...

    A sentence or two: what it does.

    A heading of some options (or none)
      -x, --extra ARGUMENT   an explanation, which goes on
                             in deeper lines
          --long ARGUMENT one that is too long for the column is followed by one blank

    Any paragraph: a note about all options.

    Exit status: 0 fine; 1 not so; 2 worse.

      PROGRAM --extra 1      an example and what it shows

An argument is one word. "one|two" says what can be given; otherwise the word in capitals that it
begins with says what kind of thing it is: FILE, DIR, HOST, PID, USER, GROUP; anything else is free.
An explanation with "commas between: one (this), two (that);" lists what can be combined with commas.
What does not fit is an error: nothing of a help gets lost silently.
"""

import re
import subprocess
from dataclasses import dataclass, field

OPTION = re.compile(r"^ {2}(?:-(?P<letter>\w), | {4})--(?P<name>[a-z][a-z0-9-]*)"
                    r"(?: (?P<argument>[^ -]\S*))?(?: +(?P<text>\S.*))?$")
EXAMPLE = re.compile(r"^ {2}(?P<command>\S+(?: \S+)*) {2,}(?P<text>\S.*)$")
VALUES = re.compile(r"^[a-z0-9-]+(\|[a-z0-9-]+)+$")


class Malformed(Exception):
    """A help that does not have the form above."""


@dataclass
class Option:
    """One option."""

    name: str  # without dashes
    letter: str | None
    argument: str | None  # as the help has it: "FILE", "text|json"
    text: str = ""
    heading: str = ""

    @property
    def spellings(self):
        """["-x", "--extra"]"""
        return [f"-{self.letter}"] * bool(self.letter) + [f"--{self.name}"]

    @property
    def summary(self):
        """The explanation's first clause, for a menu."""
        return re.split(r"; | \(|: |\. ", self.text)[0]

    @property
    def values(self):
        """What can be given, where that is a choice between words."""
        if self.argument and VALUES.match(self.argument):
            return self.argument.split("|")
        return []

    @property
    def list_values(self):
        """What can be given, where several can be combined with commas."""
        listed = re.search(r"commas between: ([^;]*)", self.text)
        if not self.argument or not listed:
            return []
        return re.sub(r"\([^)]*\)", "", listed[1]).replace(" ", "").split(",")

    @property
    def kind(self):
        """FILE, HOST, ...: the word in capitals that the argument begins with, or ''."""
        return re.match(r"[A-Z]*", self.argument or "")[0]


@dataclass
class Help:
    """A whole help."""

    program: str
    usage: list = field(default_factory=list)  # what follows the program's name, a form each
    description: list = field(default_factory=list)  # paragraphs
    options: list = field(default_factory=list)
    notes: list = field(default_factory=list)  # paragraphs
    exit_status: list = field(default_factory=list)  # (number, meaning)
    examples: list = field(default_factory=list)  # (command, what it shows)

    @property
    def operands(self):
        """The words of the first form of usage behind [options]: ["[HOST", "[PORT]]"]."""
        return [word for word in self.usage[0].split() if word != "[options]"]

    @property
    def commands(self):
        """Forms that begin with a word of their own: {"compare": ["A.json", "B.json"]}."""
        forms = [form.split() for form in self.usage[1:]]
        return {form[0]: form[1:] for form in forms if re.fullmatch("[a-z]+", form[0])}


def read(program, path):
    """Runs the program at path, and takes apart what it says."""
    done = subprocess.run([path, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=True, timeout=60)
    return parse(program, done.stdout.decode())


def parse(program, text):
    """Takes a help apart. Raises Malformed."""
    text = re.sub(r" +$", "", text, flags=re.M)
    blocks = [block.strip("\n").split("\n") for block in re.split(r"\n\n+", text)]
    result = Help(program)
    parse_usage(result, blocks.pop(0))
    while blocks and not any(OPTION.match(line) for line in blocks[0]):
        result.description.append(joined(blocks.pop(0)))
    for block in blocks:
        if any(OPTION.match(line) for line in block):
            parse_options(result, block)
        elif block[0].startswith(f"  {program} "):
            parse_examples(result, block)
        else:
            parse_notes(result, block)
    for what in ("description", "options", "exit_status"):
        if not getattr(result, what):
            raise Malformed(f"{program} --help has no {what.replace('_', ' ')}")
    return result


def joined(lines):
    """The text of lines that were broken."""
    return " ".join(line.strip() for line in lines)


def parse_usage(result, lines):
    """Usage: PROGRAM form, and more forms below."""
    start = f"Usage: {result.program} "
    for number, line in enumerate(lines):
        if number > 0:
            start = f"       {result.program} "
        if not line.startswith(start):
            raise Malformed(f"no usage: {line!r}")
        result.usage.append(line[len(start):])


def parse_options(result, lines):
    """Options with headings between them."""
    heading = ""
    for line in lines:
        match = OPTION.match(line)
        if match:
            fields = match.groupdict()
            fields["text"] = fields["text"] or ""
            result.options.append(Option(**fields, heading=heading))
        elif line.startswith(" " * 12) and result.options:
            option = result.options[-1]
            option.text = f"{option.text} {line.strip()}".strip()
        elif re.match(r"\w", line):
            heading = line.rstrip(":")
        else:
            raise Malformed(f"neither option nor heading: {line!r}")
    for option in result.options:
        if not option.text:
            raise Malformed(f"--{option.name} has no explanation")


def parse_examples(result, lines):
    """Commands, and what they show two blanks behind them."""
    for line in lines:
        match = EXAMPLE.match(line)
        if not match or not match["command"].startswith(result.program):
            raise Malformed(f"no example: {line!r}")
        result.examples.append((match["command"], match["text"]))


def parse_notes(result, lines):
    """A paragraph, whose end may be the exit status."""
    note, found, status = joined(lines).partition("Exit status: ")
    if note.strip():
        result.notes.append(note.strip())
    if found:
        for part in re.split(r"[;,] (?=\d+ )", status.rstrip(".")):
            match = re.fullmatch(r"(\d+) (.+)", part)
            if not match:
                raise Malformed(f"no exit status: {part!r}")
            result.exit_status.append(match.groups())
