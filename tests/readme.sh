#!/usr/bin/env bash
# The README's programs compile as they stand there, and the first one does what it is said to do.
#
#     readme.sh SOURCE_DIR BUILD_DIR     (CC: the compiler)
#
# A C block with a main is a program; one without gets an empty main.
set -euo pipefail
source_dir=$1
build_dir=$2
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

# Blocks as files: 1.c, 2.c ...
awk -v dir="$work" '/^```c$/ { n++; inside = 1; next } /^```$/ { inside = 0 }
                    inside { print > (dir "/" n ".c") }' "$source_dir/README.md"
[[ -f $work/2.c ]] || { echo "README.md has fewer than two blocks of C"; exit 1; }

# As installed: <yodel/core/...> is the source tree.
ln -s "$source_dir" "$work/yodel"
for block in "$work"/*.c; do
    grep -q 'int main' "$block" || echo 'int main(void) { (void)streams; return 0; }' >>"$block"
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only \
        -I"$work" "$block"
done

# The WHOIS server listens on the port that it says, unless that is taken on this machine.
sed -i 's/config.port = "4343"/config.port = "0"/' "$work/1.c"
"${CC:-cc}" -std=c11 -D_GNU_SOURCE -I"$work" "$work/1.c" -o "$work/1" \
    "$build_dir/lib/libyodel.a" -lev -lcares -lm -pthread
"$work/1" 2>"$work/log" &
server=$!
port=
for _ in $(seq 200); do
    port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p;' "$work/log" | head -n 1)
    [[ -z $port ]] || break
    sleep 0.05
done
[[ -n $port ]] || { echo "the server does not listen:"; cat "$work/log"; exit 1; }
answer=$(printf 'yodel\r\nasyncio\r\n' | timeout 20 "$build_dir/bin/yodel-client" localhost "$port") || true
expected='Line protocols in C, one event loop per core'
[[ ${answer%$'\r'} == "$expected" ]] || { echo "it answers '$answer', not '$expected'"; exit 1; }
