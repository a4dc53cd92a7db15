"""Completion for bash. It needs nothing but bash; the package bash-completion finds and loads it."""

SCRIPT = r"""# Completion of @PROGRAM@ for bash: written by tools/options from its --help.

_@FUNCTION@()
{
    # Words as the shell makes them: readline also splits at = and :.
    local line=${COMP_LINE:0:COMP_POINT} words
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=('')
    local cur=${words[-1]} option=${words[-2]} replies=''
    if [[ $cur == --*=* ]]; then
        option=${cur%%=*} cur=${cur#*=}
    fi

    case $option in
@ARMS@
    esac

    # Of these readline gets what is behind its own last separator.
    local typed=${COMP_WORDS[COMP_CWORD]} reply
    [[ $typed != [=:] ]] || typed=''
    COMPREPLY=()
    for reply in $replies; do
        COMPREPLY+=("${reply:${#cur}-${#typed}}")
    done
}

complete -F _@FUNCTION@ @PROGRAM@
"""

# Of file names readline itself knows best, with all their quoting.
FILES = ["compopt -o default", "COMPREPLY=()", "return"]
KINDS = {
    "DIR": FILES,
    "FILE": FILES,
    "GROUP": ['replies=$(compgen -A group -- "$cur")'],
    "HOST": ['replies=$(compgen -A hostname -- "$cur")'],
    "PATH": FILES,
    "PID": ['replies=$(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur")'],
    "USER": ['replies=$(compgen -A user -- "$cur")'],
}


def completion(told):
    """The script."""
    alike = {}  # what to do: behind which options
    for option in told.options:
        if option.argument:
            alike.setdefault(tuple(behind(option)), []).extend(option.spellings)
    arms = [arm(spellings, lines) for lines, spellings in alike.items()]
    arms.append(arm(["*"], elsewhere(told)))
    script = SCRIPT.replace("@ARMS@", "\n".join(arms)).replace("@PROGRAM@", told.program)
    return script.replace("@FUNCTION@", told.program.replace("-", "_"))


def arm(patterns, lines):
    """An arm of a case."""
    return "\n".join([f"    {' | '.join(patterns)})"] + [f"        {line}" for line in lines] +
                     ["        ;;"])


def words(choices):
    """The choices that begin with what is there."""
    return f"""replies=$(compgen -W '{" ".join(choices)}' -- "$cur")"""


def behind(option):
    """What an option's value can be."""
    if option.values:
        return [words(option.values)]
    if option.list_values:
        return ["compopt -o nospace",
                f"""replies=$(compgen -P "${{cur%"${{cur##*,}}"}}" """
                f"""-W '{" ".join(option.list_values)}' -- "${{cur##*,}}")"""]
    return KINDS.get(option.kind, [":"])


def elsewhere(told):
    """Options and operands."""
    lines = ["if [[ $cur == -* ]]; then",
             "    " + words([s for option in told.options for s in option.spellings])]
    for command in told.commands:
        lines += [f"elif [[ ${{words[1]}} == {command} && ${{#words[@]}} -gt 2 ]]; then",
                  *(f"    {line}" for line in FILES)]
    if any(operand.startswith("[HOST") for operand in told.operands):
        lines += ["else", f"    {KINDS['HOST'][0]}"]
        if told.commands:
            lines += ["    if [[ ${#words[@]} -eq 2 ]]; then",
                      f"""        replies+=" $(compgen -W '{" ".join(told.commands)}' """
                      """-- "$cur")\"""",
                      "    fi"]
    return lines + ["fi"]
