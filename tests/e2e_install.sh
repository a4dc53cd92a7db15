#!/usr/bin/env bash
# The library as others get it: installs the build into a directory of its own, moves that elsewhere,
# builds tests/consumer against it in all four ways (pkg-config and CMake, shared and static) and
# talks to each of the programs that come out.
#
# usage: e2e_install.sh BUILD-DIR SOURCE-DIR CC VERSION     (ctest calls it)
set -euo pipefail

build=$1 source=$2 cc=$3 version=$4
work=$(mktemp -d)
consumer=
cleanup()
{
    [[ -z $consumer ]] || kill "$consumer" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

# ask NAME PROGRAM: starts it, sends it a line and wants the right answer; then ends it.
ask()
{
    local name=$1 program=$2 line port answer status=0
    rm -f "$work/out"
    mkfifo "$work/out"
    "$program" 0 >"$work/out" &
    consumer=$!
    # It prints its port when it listens; end of file when it could not even start.
    IFS= read -r -t 20 line <"$work/out" || fail "$name: says no port"
    port=${line##*[^0-9]}

    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'hello from %s\r\nbye\r\n' "$name" >&3
    IFS= read -r -t 20 answer <&3 || fail "$name: no answer"
    [[ $answer == "HELLO FROM ${name^^}"$'\r' ]] || fail "$name: answered '$answer'"
    # `bye` makes it close the connection: end of file, and nothing before it.
    if IFS= read -r -t 20 answer <&3 || [[ -n $answer ]]; then
        fail "$name: not closed, but '$answer'"
    fi
    exec 3<&-

    kill -TERM "$consumer"
    wait "$consumer" || status=$?
    consumer=
    [[ $status == 0 ]] || fail "$name: exit status $status"
    echo "ok: $name"
}

# Moved after the installation: neither yodel.pc nor the CMake package may know where it was.
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"
prefix=$work/prefix

# What is there, and nothing private.
for file in bin/yodel-server bin/yodel-client include/yodel/core/run.h include/yodel/proto/framing.h; do
    [[ -f $prefix/$file ]] || fail "$file is not installed"
done
[[ ! -e $prefix/include/yodel/core/transport_internal.h ]] || fail "a private header is installed"
for program in "$prefix"/bin/*; do
    [[ $("$program" --version) =~ ^${program##*/}\ $version\ \(([0-9a-f]{12}(-dirty)?|unknown)\)$ ]] ||
        fail "${program##*/} --version is no $version of a commit: $("$program" --version)"
done

# Each header by itself is enough, without the flags of our own build.
for header in "$prefix"/include/yodel/*/*.h; do
    echo "#include \"$header\"" >"$work/header.c"
    "$cc" -Wall -Wextra -Werror -fsyntax-only "$work/header.c" || fail "$header cannot be used alone"
done
echo "ok: headers"

pc=$(find "$prefix" -name yodel.pc)
export PKG_CONFIG_PATH=${pc%/*}
[[ $(pkg-config --modversion yodel) == "$version" ]] || fail "yodel.pc has another version"
libdir=$(pkg-config --variable=libdir yodel)

# What pkg-config prints is meant to be split into words.
# shellcheck disable=SC2046
"$cc" -o "$work/pc-shared" "$source/tests/consumer/shout.c" $(pkg-config --cflags --libs yodel)
# shellcheck disable=SC2046
"$cc" -static -o "$work/pc-static" "$source/tests/consumer/shout.c" \
    $(pkg-config --static --cflags --libs yodel) 2>"$work/log" || {
    cat "$work/log" >&2
    fail "pkg-config --static: cannot be linked"
}

if ! {
    cmake -S "$source/tests/consumer" -B "$work/build" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_PREFIX_PATH="$prefix" -G Ninja && cmake --build "$work/build"
} >"$work/log" 2>&1; then
    cat "$work/log" >&2
    fail "find_package(yodel): cannot be built"
fi

# uses_library PROGRAM: does it ask for libyodel.so at run time?
uses_library()
{
    readelf -d "$1" | grep -q 'NEEDED.*libyodel\.so'
}
uses_library "$work/pc-shared" || fail "pc-shared is not linked to the shared library"
uses_library "$work/build/consumer-shared" || fail "consumer-shared is not linked to the shared library"
! uses_library "$work/pc-static" || fail "pc-static is linked to the shared library"
! uses_library "$work/build/consumer-static" || fail "consumer-static is linked to the shared library"

LD_LIBRARY_PATH=$libdir ask pc-shared "$work/pc-shared"
ask pc-static "$work/pc-static"
ask cmake-shared "$work/build/consumer-shared"
ask cmake-static "$work/build/consumer-static"
