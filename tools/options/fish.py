"""Completion for fish: a line for each option."""

KINDS = {
    "DIR": "-x -a '(__fish_complete_directories)'",
    "FILE": "-r -F",
    "GROUP": "-x -a '(__fish_complete_groups)'",
    "HOST": "-x -a '(__fish_print_hostnames)'",
    "PATH": "-r -F",
    "PID": "-x -a '(__fish_complete_pids)'",
    "USER": "-x -a '(__fish_complete_users)'",
}


def completion(told):
    """The script."""
    complete = f"complete -c {told.program}"
    lines = [f"# Completion of {told.program} for fish: written by tools/options from its --help.",
             "", f"{complete} -f"]
    for option in told.options:
        words = [complete] + [f"-s {option.letter}"] * bool(option.letter) + [f"-l {option.name}"]
        if option.argument:
            words.append(value(option))
        lines.append(" ".join(words) + f" -d {quoted(option.summary)}")
    commands = " ".join(told.commands)
    if any("HOST" in operand for operand in told.operands):
        condition = f" -n 'not __fish_seen_subcommand_from {commands}'" if commands else ""
        lines.append(f"{complete}{condition} -a '(__fish_print_hostnames)'")
    if commands:
        lines += [f"{complete} -n '__fish_is_nth_token 1' -a '{commands}'",
                  f"{complete} -n '__fish_seen_subcommand_from {commands}' -F"]
    return "\n".join(lines) + "\n"


def quoted(text):
    """In single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def value(option):
    """What its value can be."""
    if option.values:
        return f"-x -a '{' '.join(option.values)}'"
    if option.list_values:
        return f"-x -a '(__fish_append , {' '.join(option.list_values)})'"
    return KINDS.get(option.kind, "-x")
