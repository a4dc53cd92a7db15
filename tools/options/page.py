"""A manual page for scdoc(5): a template, in which lines of one word are replaced by what the help
says.

    @SYNOPSIS@  @DESCRIPTION@  @OPTIONS@  @EXIT_STATUS@  @EXAMPLES@
"""

import re

from help_text import Malformed


def page(help_text, template, version):
    """The template with its parts put in. Each must be there, so that nothing of a help is lost."""
    template = template.replace("@VERSION@", version)
    for name, part in (("SYNOPSIS", synopsis), ("DESCRIPTION", description), ("OPTIONS", options),
                       ("EXIT_STATUS", exit_status), ("EXAMPLES", examples)):
        text = part(help_text)
        template, count = re.subn(rf"^@{name}@\n", lambda _: text, template, flags=re.M)
        if count != (text != ""):
            raise Malformed(f"the page of {help_text.program} has @{name}@ {count} times")
    return template


def escaped(text):
    """Text that scdoc shows as it is."""
    return re.sub(r"([\\*_+]|^[^\w*+])", r"\\\1", text)


def bold(text):
    """In bold."""
    return f"*{escaped(text)}*"


def synopsis(help_text):
    """The forms of a command, a line each."""
    forms = []
    for form in help_text.usage:
        words = [bold(help_text.program)]
        for word in form.split():
            literal = word in help_text.commands
            words.append(bold(word) if literal else placeholder(word))
        forms.append(" ".join(words))
    return "++\n".join(forms) + "\n"


def placeholder(word):
    """HOST[:PORT] with its words underlined and its brackets not."""
    return re.sub(r"[A-Za-z0-9.]*[A-Za-z0-9]", r"_\g<0>_", word)


def argument(option):
    """An option's argument: words to be typed are bold, placeholders underlined."""
    if option.values:
        return "|".join(bold(value) for value in option.values)
    if option.argument.startswith("'"):
        return bold(option.argument)
    return placeholder(option.argument)


def description(help_text):
    """Paragraphs."""
    return "\n\n".join(escaped(paragraph) for paragraph in help_text.description) + "\n"


def options(help_text):
    """Each option with its explanation below, under its heading; then the notes."""
    blocks, heading = [], ""
    for option in help_text.options:
        if option.heading != heading:
            heading = option.heading
            blocks.append(f"## {heading}")
        names = ", ".join(bold(spelling) for spelling in option.spellings)
        if option.argument:
            names += " " + argument(option)
        blocks.append(f"{names}\n\t{escaped(option.text)}")
    if heading and help_text.notes:
        blocks.append("## Values")
    blocks += [escaped(note) for note in help_text.notes]
    return "\n\n".join(blocks) + "\n"


def exit_status(help_text):
    """A line each."""
    return "\n\n".join(f"{bold(number)}\n\t{escaped(meaning)}"
                       for number, meaning in help_text.exit_status) + "\n"


def examples(help_text):
    """Commands, each under what it shows."""
    blocks = []
    for command, text in help_text.examples:
        literal = command.replace("\\", "\\\\")
        title = text[0].upper() + text[1:] + ":" * text[-1].isalnum()
        blocks.append(f"{escaped(title)}\n\n```\n{literal}\n```\n")
    return "\n".join(blocks)
