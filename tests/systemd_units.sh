#!/usr/bin/env bash
# systemd_units.sh BUILD_DIR: installs into a directory of its own, then asks systemd whether the units
# make sense to it and how much they leave open. 77: systemd is not installed.
set -euo pipefail
build=$1
most=1.2 # of 10; what is left: the network, and a clock device that may be read

if ! command -v systemd-analyze >/dev/null; then
    echo "skipped: no systemd-analyze"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$scratch/usr" >/dev/null
units=$scratch/usr/lib/systemd/system

grep -q "^ExecStart=$scratch/usr/bin/yodel-server$" "$units/yodel.service" ||
    fail "the service does not start the installed program"
# Manual pages are not installed here.
said=$(systemd-analyze --man=no verify "$units/yodel.service" "$units/yodel.socket" 2>&1) ||
    fail "systemd-analyze verify: $said"
[[ -z $said ]] || fail "systemd-analyze verify says: $said"

report=$(systemd-analyze security --offline=true --no-pager "$units/yodel.service")
exposure=$(sed -n 's/.*Overall exposure level for yodel.service: \([0-9.]*\).*/\1/p' <<<"$report")
echo "exposure level: $exposure"
awk -v is="$exposure" -v most="$most" 'BEGIN { exit !(is != "" && is + 0 <= most + 0) }' ||
    fail "more than $most: $report"
echo "passed"
