#!/bin/sh
# What Python must be able to read: the dump protocol's notation and the JSON log.
set -eu
cd "$(dirname "$0")"
command -v python3 >/dev/null || exit 77
./with-server -P dump -t 1 -- python3 dump_as_python.py
./with-server --log-format json --log-level debug --max-line 100 -- python3 json_log.py
