"""Writes a program's manual page (for scdoc) and its completions from what its --help says.

usage: generate.py NAME PROGRAM TEMPLATE VERSION DIRECTORY

    NAME       "flood": what it is called
    PROGRAM    where it lies
    TEMPLATE   man/flood.1.scd
    DIRECTORY  where to write flood.1.scd, flood.bash, flood.zsh and flood.fish
"""

import re
import subprocess
import sys
from pathlib import Path

import bash
import fish
import help_text
import page
import zsh


def listed(path, arguments):
    """The list that the program prints, a word and its explanation in each line."""
    done = subprocess.run([path, *arguments.split()], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=True, timeout=60)
    rows = [line.split(None, 1) for line in done.stdout.decode().splitlines()]
    return "\n\n".join(f"{page.bold(word)}\n\t{page.escaped(text)}" for word, text in rows) + "\n"


def main(name, path, template, version, directory):
    """Everything of one program."""
    told = help_text.read(name, path)
    text = page.page(told, Path(template).read_text(encoding="utf-8"), version)
    text = re.sub(r"^@LIST (.*)@\n", lambda match: listed(path, match[1]), text, flags=re.M)
    for suffix, content in (("1.scd", text), ("bash", bash.completion(told)),
                            ("zsh", zsh.completion(told)), ("fish", fish.completion(told))):
        (Path(directory) / f"{name}.{suffix}").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except help_text.Malformed as error:
        sys.exit(f"generate.py: {error}")
