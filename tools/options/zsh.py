"""Completion for zsh: one _arguments with everything in it."""

import re

KINDS = {
    "DIR": "_files -/",
    "FILE": "_files",
    "GROUP": "_groups",
    "HOST": "_hosts",
    "PATH": "_files",
    "PID": "_pids",
    "USER": "_users",
}


def completion(told):
    """The function's file."""
    specs = [spec(option) for option in told.options]
    if told.commands:
        # The first operand is a host or a command; what follows goes with it.
        specs += [f"'1:host:_alternative \"commands:command:({' '.join(told.commands)})\" "
                  "\"hosts:host:_hosts\"'", "'*:operand:->operand'"]
    else:
        specs += ["'::host:_hosts'" if "HOST" in operand else f"'::{name(operand)}: '"
                  for operand in told.operands]
    lines = [f"#compdef {told.program}",
             f"# Completion of {told.program} for zsh: written by tools/options from its --help.",
             ""]
    if told.commands:
        lines += ["local context state line", "typeset -A opt_args", ""]
    lines.append("_arguments -s \\\n    " + " \\\n    ".join(specs))
    if told.commands:
        lines += ["", f"if [[ $state == operand && $line[1] == ({'|'.join(told.commands)}) ]]; then",
                  "    _files", "elif [[ $state == operand ]]; then", "    _hosts", "fi"]
    return "\n".join(lines) + "\n"


def name(operand):
    """[PORT] is a port."""
    return re.sub(r"[^A-Za-z]", "", operand).lower()


def quoted(text):
    """For the inside of a description, inside single quotes."""
    return re.sub(r"([\\\[\]:])", r"\\\1", text).replace("'", "'\\''")


def spec(option):
    """One option, in all its spellings."""
    text = f"[{quoted(option.summary)}]"
    if option.argument:
        text += f":{quoted(option.argument)}:{action(option)}"
        long = f"--{option.name}="
        short = f"-{option.letter}+"
    else:
        long, short = f"--{option.name}", f"-{option.letter}"
    if not option.letter:
        return f"'*{long}{text}'"
    return f"'*'{{{short},{long}}}'{text}'"


def action(option):
    """What its value can be."""
    if option.values:
        return f"({' '.join(option.values)})"
    if option.list_values:
        return f"_sequence compadd - {' '.join(option.list_values)}"
    return KINDS.get(option.kind, " ")
