#!/bin/sh
# asyncio clients that wait for each answer, with both ways to accept.
set -eu
cd "$(dirname "$0")"
command -v python3 >/dev/null || exit 77
for mode in handoff reuseport; do
    ./with-server --accept "$mode" -t 2 -- python3 asyncio_client.py
done
