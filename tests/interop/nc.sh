#!/bin/sh
# Typed into `nc -C`: a session that ends with the dot, and one that ends with the end of input.
set -eu
cd "$(dirname "$0")"
command -v nc >/dev/null && nc -h 2>&1 | grep -q OpenBSD || exit 77

check() { # INPUT ANSWERS NC-OPTIONS...
    input=$1 answers=$2
    shift 2
    got=$(printf %b "$input" | timeout 20 nc "$@" 127.0.0.1 "$PORT" | od -c)
    wanted=$(printf %b "$answers" | od -c)
    if [ "$got" != "$wanted" ]; then
        echo "nc $*: got" "$got" "wanted" "$wanted" >&2
        exit 1
    fi
}

if [ -z "${PORT:-}" ]; then
    exec ./with-server -t 2 -- sh ./nc.sh
fi
check 'hello\n\n..\n.\n' 'You sent: hello\r\nYou sent: \r\nYou sent: ..\r\n' -C
check 'hello\nworld\n' 'You sent: hello\r\nYou sent: world\r\n' -C -N
check 'bare\nlf\r\n' 'You sent: bare\nlf\r\n' -N
