#!/bin/sh
# The same over telnet, which says good-bye when the server closes.
set -eu
cd "$(dirname "$0")"
command -v telnet >/dev/null || exit 77
if [ -z "${PORT:-}" ]; then
    exec ./with-server -t 2 -- sh ./telnet.sh
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/keyboard"
exec 3<>"$dir/keyboard" # both ends: the input never ends, telnet leaves when the server closes
timeout 20 telnet 127.0.0.1 "$PORT" <"$dir/keyboard" >"$dir/screen" 2>&1 3<&- &
printf 'hello\n\nworld\n.\n' >&3
wait $! || : # telnet's status says nothing

got=$(grep -E '^You sent: |closed by' "$dir/screen" | tr -d '\r')
wanted='You sent: hello
You sent: 
You sent: world
Connection closed by foreign host.'
if [ "$got" != "$wanted" ]; then
    echo "the screen:" >&2
    od -c "$dir/screen" >&2
    exit 1
fi
