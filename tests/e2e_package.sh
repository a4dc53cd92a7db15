#!/usr/bin/env bash
# The Debian packages: puts them together from a build, installs them into a root of their own, uses
# what is there, compiles the program of libyodel(7) against it, and removes all of it again.
#
# usage: e2e_package.sh BUILD-DIR SOURCE-DIR CC     (ctest and .ci/run call it)
set -euo pipefail

build=$1 source=$2 cc=$3
for tool in dpkg dpkg-shlibdeps pkg-config; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: there is no $tool"
        exit 77
    fi
done
as_root=()
if [[ $(id -u) != 0 ]]; then
    if ! command -v fakeroot >/dev/null; then
        echo "skipped: neither root nor fakeroot"
        exit 77
    fi
    as_root=(fakeroot)
fi

work=$(mktemp -d)
server=
cleanup()
{
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

# quietly COMMAND...: its output only when it fails
quietly()
{
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "$*"
    }
}

# field PACKAGE NAME: of a package's control file
field() { dpkg-deb -f "$work/debs/$1"_*.deb "$2"; }

# dpkg for the root, with nothing in the way of the packages' scripts: systemctl and ldconfig would
# be this machine's.
root=$work/root
mkdir -p "$work/bin" "$work/debs" "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
touch "$root/var/lib/dpkg/status"
for tool in ldconfig systemctl; do
    printf '#!/bin/sh\necho "%s $*" >>"%s/called"\n' "$tool" "$work" >"$work/bin/$tool"
    chmod +x "$work/bin/$tool"
done
touch "$work/called"
in_root()
{
    # Which packages they depend on is looked at below: this root has no others.
    quietly env PATH="$work/bin:$PATH:/usr/sbin:/sbin" "${as_root[@]}" dpkg --root="$root" \
        --force-script-chrootless --force-depends "$@"
}

# --- making them

quietly cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/debs"
packages=()
for deb in "$work"/debs/*.deb; do
    packages+=("$(dpkg-deb -f "$deb" Package)")
done
library=$(printf '%s\n' "${packages[@]}" | grep '^libyodel[0-9]')
[[ ${packages[*]} == "libyodel-dev $library yodel" ]] || fail "the packages are ${packages[*]}"

# What they say of themselves.
for package in "${packages[@]}"; do
    [[ $(field "$package" Maintainer) == *@* ]] || fail "$package: no maintainer"
    [[ $(field "$package" Description | sed -n 1p) == *line\ protocols* ]] ||
        fail "$package: its description is '$(field "$package" Description)'"
    [[ $(field "$package" Section) == @(net|libs|libdevel) ]] || fail "$package: no section"
done
for package in yodel "$library"; do
    for needed in libc6 libev4 libc-ares2; do
        [[ " $(field "$package" Depends)" == *" $needed"* ]] ||
            fail "$package depends on '$(field "$package" Depends)', not on $needed"
    done
done
version=$(field "$library" Version)
[[ $(field libyodel-dev Depends) == *"$library (= $version), libev-dev, libc-ares-dev"* ]] ||
    fail "libyodel-dev depends on '$(field libyodel-dev Depends)'"
! field "$library" Depends | grep -q yodel || fail "the library depends on the programs"
echo "ok: ${packages[*]}"

# --- installing

in_root --install "$work"/debs/*.deb
for package in "${packages[@]}"; do
    state=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status}' "$package")
    [[ $state == installed ]] || fail "$package is $state"
    for file in copyright changelog.gz changelog.Debian.gz; do
        [[ -s $root/usr/share/doc/$package/$file ]] || fail "$package has no $file"
    done
done
# Another machine's systemd is not to be told.
! grep -q systemctl "$work/called" || fail "systemctl was called for another root"

for program in yodel-server yodel-client flood; do
    [[ $("$root/usr/bin/$program" --version) == "$("$build/bin/$program" --version)" ]] ||
        fail "$program is of another version"
    ! readelf -S "$root/usr/bin/$program" | grep -q debug_info || fail "$program is not stripped"
    for file in "man/man1/$program.1.gz" "bash-completion/completions/$program" \
        "fish/vendor_completions.d/$program.fish"; do
        [[ -s $root/usr/share/$file ]] || fail "no $file"
    done
    gunzip -c "$root/usr/share/man/man1/$program.1.gz" | grep -q '^.SH OPTIONS' ||
        fail "$program.1.gz is no manual page"
    [[ -n $(find "$root/usr/share/zsh" -name "_$program") ]] || fail "no completion for zsh"
done
[[ -s $root/usr/share/man/man7/libyodel.7.gz ]] || fail "no libyodel.7.gz"
# Every unit is there, and names the program where it will be.
for unit in $(cd "$source" && shopt -s nullglob && echo systemd/*); do
    unit=$root/usr/lib/$(dirname "$unit")/system/$(basename "$unit" .in)
    [[ -s $unit ]] || fail "no ${unit#"$root"}"
    ! grep '^Exec' "$unit" | grep -v -e '=/usr/bin/yodel-server' -e '=kill ' ||
        fail "${unit#"$root"} starts something else"
done
echo "ok: installed"

# start NAME PROGRAM ARGUMENT...: until it listens; sets port
start()
{
    local name=$1
    shift
    "$@" 2>"$work/$name.log" &
    server=$!
    port=
    for _ in $(seq 400); do
        port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$work/$name.log" | head -n 1)
        [[ -z $port ]] || return 0
        sleep 0.05
    done
    cat "$work/$name.log" >&2
    fail "$name does not listen"
}

# ask NAME ANSWER: a line through the installed client
ask()
{
    local answer
    answer=$(echo hello | timeout 20 "$root/usr/bin/yodel-client" localhost "$port") || true
    [[ ${answer%$'\r'} == "$2" ]] || fail "$1 answers '$answer', not '$2'"
    kill -TERM "$server"
    wait "$server" || fail "$1: exit status $?"
    server=
    echo "ok: $1"
}

start yodel-server "$root/usr/bin/yodel-server" --port 0
ask yodel-server "You sent: hello"

# --- the program of the manual page, on any port

awk '/^# EXAMPLES/ { examples = 1 } /^```$/ { inside = !inside; next } examples && inside' \
    "$source/man/libyodel.7.scd" | sed 's/"7777"/"0"/' >"$work/program.c"
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name yodel.pc)")
export PKG_CONFIG_PATH
# What pkg-config prints is meant to be split into words.
# shellcheck disable=SC2046
quietly "$cc" -Wall -Wextra -Werror -o "$work/program" "$work/program.c" \
    $(pkg-config --cflags --libs yodel)
readelf -d "$work/program" | grep -q "NEEDED.*libyodel\.so\.${library#libyodel}" ||
    fail "the program does not need the library of $library"

# Where the program runs there need not be more than the library.
in_root --remove libyodel-dev
libdir=$(dirname "$(find "$root" -name 'libyodel.so.*' | head -n 1)")
[[ $(cd "$libdir" && echo libyodel*) == libyodel.so.*.*\ libyodel.so.*.*.* ]] ||
    fail "left in $libdir: $(ls "$libdir")"
LD_LIBRARY_PATH=$libdir start program "$work/program"
ask program "hello"

# --- removing

in_root --remove yodel "$library"
in_root --purge "${packages[@]}"
left=$(cd "$root" && find . -mindepth 1 -not -path './var' -not -path './var/*')
[[ -z $left ]] || fail "left behind: $left"
! grep -q systemctl "$work/called" || fail "systemctl was called for another root"
echo "ok: removed"
