# Shared by tools/run, tools/test, tools/check and .ci/run: installing what is missing, configuring
# and building. To be sourced by bash; everything it says goes to stderr.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
    say "$@"
    exit 1
}

# shellcheck disable=SC2034 # used by those that source this
jobs=$(nproc 2>/dev/null || echo 1)

# is_there CHECK: see tools/packages
is_there()
{
    case $1 in
    '<'*)
        local header=${1#<}
        header=${header%>}
        [[ -e /usr/include/$header ]] ||
            echo "#include <$header>" | "${CC:-cc}" -E -x c - >/dev/null 2>&1
        ;;
    clang-rt)
        echo 'int main(void) { return 0; }' |
            clang -fsanitize=address -x c - -o /dev/null >/dev/null 2>&1
        ;;
    *)
        command -v "$1" >/dev/null
        ;;
    esac
}

# need SET...: installs the packages of these sets that are missing, or says which they are.
need()
{
    local sets=" $* " missing=() set package check
    while read -r set package check; do
        if [[ $sets == *" $set "* ]] && ! is_there "$check"; then
            missing+=("$package")
        fi
    done < <(grep -v '^#' "$root/tools/packages")
    if ((${#missing[@]})); then
        install_packages "${missing[@]}"
    fi
}

install_packages()
{
    command -v apt-get >/dev/null ||
        die "missing: $* (names of Debian packages; there is no apt-get here to install them with)"

    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || die "missing: $* (install them as root: apt-get install $*)"
        apt=(sudo "${apt[@]}")
        say "installing with sudo apt-get: $*"
    else
        say "installing with apt-get: $*"
    fi

    local log
    log=$(mktemp)
    # When the lists cannot be refreshed those that are here may still do.
    "${apt[@]}" update </dev/null >"$log" 2>&1 || true
    if ! "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "could not install: $*"
    fi
    rm -f "$log"
    # What a configuration found then may not be all that there is now.
    rm -f "$root"/build/*/configured
}

# build PRESET [cmake --build options...]: configures build/PRESET when it has to be, and builds.
# Silent unless it fails; everything the compiler says is in build/PRESET/build.log.
build()
{
    local preset=$1 dir=$root/build/$1 version
    shift
    version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
    if [[ $(printf '%s\n' 3.25 "$version" | sort -V | head -n 1) != 3.25 ]]; then
        die "cmake $version is too old: yodel needs 3.25 or newer (Debian 12 has it)"
    fi
    mkdir -p "$dir"
    # Two of these at a time in one directory would trip over each other.
    if ! (
        exec 9>"$dir/build.lock"
        flock 9
        configure "$preset" "$dir" && cmake --build "$dir" "$@"
    ) </dev/null >"$dir/build.log" 2>&1; then
        # The failed commands with what they said, without ninja's progress before them.
        if grep -qE '^(FAILED:|CMake Error)' "$dir/build.log"; then
            sed -nE '/^(FAILED:|CMake Error)/,$p' "$dir/build.log" >&2
        else
            cat "$dir/build.log" >&2
        fi
        die "building preset '$preset' failed (whole log: $dir/build.log)"
    fi
}

# Presets are read at configuration only, so a changed file of presets asks for a new one; and a tree
# that was copied with its build directory cannot go on with that.
configure()
{
    local preset=$1 dir=$2
    if [[ ! -f $dir/build.ninja || $root/CMakePresets.json -nt $dir/configured ]] ||
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$dir/CMakeCache.txt"; then
        (cd "$root" && cmake --fresh --preset "$preset") && touch "$dir/configured"
    fi
}
