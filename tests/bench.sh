#!/usr/bin/env bash
# tools/bench/run works: one short round of yodel and the limit. What it measures is not looked at.
#
#     bench.sh SOURCE_DIR BINARY_DIR
set -euo pipefail

source=$1
bin=$2/bin
command -v python3 >/dev/null || exit 77
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$source/tools/bench/run" --bin "$bin" --out "$out" --rounds 1 --seconds 0.05 \
    --servers yodel,limit --scenarios ping-pong-16x50,pipelined-1024,bulk,churn,mixed,workers >"$out/printed"
cmp "$out/printed" "$out/result.md"

python3 -B - "$out" "$bin" "$source/tools/bench" <<'END'
import json, subprocess, sys, xml.dom.minidom
out, bin, bench = sys.argv[1:]
sys.path.insert(0, bench)
import checker, os, report, servers

result = json.load(open(f"{out}/result.json"))
assert list(result["versions"]) == ["yodel", "limit"], result["versions"]
cores = len(os.sched_getaffinity(0))
assert len(result["summary"]) == (7 if cores > 1 else 5), result["summary"].keys()
for scenario, by_server in result["summary"].items():
    assert len(by_server) == (3 if scenario.startswith("workers") else 2), (scenario, by_server)
    for name, s in by_server.items():
        assert 0 < s["best"] <= s["median"] and s["throughput"] > 0 and s["ratio"] > 0, (name, s)
xml.dom.minidom.parse(f"{out}/result.svg")

# Between what a median lies with 95 %: as tables of order statistics have it.
for n, between in (0, None), (1, None), (5, None), (6, (1, 6)), (9, (2, 8)), (25, (8, 18)):
    assert report.median_between(range(n, 0, -1)) == between, (n, between)

# A server that is not what it should be is noticed.
command = [f"{bin}/yodel-server", "--host", "127.0.0.1", "--port", "0", "--protocol", "raw"]
with servers.Server(command, os.sched_getaffinity(0)) as server:
    try:
        checker.check(server.port)
    except checker.Wrong:
        pass
    else:
        sys.exit("the checker takes an echo server for a chat server")
# So is a wrong answer under load.
with servers.Server(command, os.sched_getaffinity(0)) as server:
    load = [f"{bin}/bench-load", "steady", str(server.port), "1", "5x2x16"]
    status = subprocess.run(load, stderr=subprocess.DEVNULL, check=False).returncode
    assert status == 3, status
    load.insert(1, "-p"), load.insert(2, "")
    load[5] = "0.05"
    assert subprocess.run(load, stdout=subprocess.DEVNULL, check=False).returncode == 0
END
