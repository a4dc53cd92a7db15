"""From what was measured to what is read: medians, ratios, and the table in Markdown."""
import math
import statistics

import scenarios

BASE = {"steady": "limit", "churn": "limit", "latency": "limit", "idle": "limit",
        "pair": "one worker"}


def summarise(scenario, samples):
    """samples: {server: [a measurement, or None where it failed, for each round]}. What comes back,
    for each server: the median and the best value, the median throughput (None: not counted), the
    median of its ratios to the base's value in the same round (None: there was none), and between
    what that median lies (None: there are too few rounds to tell)."""
    base = samples.get(BASE[scenario.kind], [])
    summary = {}
    for name, rounds in samples.items():
        done = [r for r in rounds if r is not None]
        if not done:
            continue
        values = [r["value"] for r in done]
        throughputs = [r["throughput"] for r in done if "throughput" in r]
        ratios = [r["value"] / b["value"] for r, b in zip(rounds, base) if r and b and b["value"]]
        summary[name] = {
            "median": statistics.median(values),
            "best": min(values),
            "throughput": statistics.median(throughputs) if throughputs else None,
            "ratio": statistics.median(ratios) if ratios else None,
            "ratio_between": median_between(ratios),
        }
    return summary


def median_between(values):
    """The two values between which the median of all that could have been measured lies with at
    least 95 % (order statistics: each measurement is above or below it like a coin's sides)."""
    ordered, n = sorted(values), len(values)
    outside = 0.0  # the probability that it lies below the lowest, or above the highest, k values
    for k in range(n // 2):
        outside += math.comb(n, k) / 2 ** n
        if 2 * outside > 0.05:
            return (ordered[k - 1], ordered[n - k]) if k > 0 else None
    return None


def number(value):
    """Three significant digits, and no fewer of the whole part."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def ratio(value):
    """As text."""
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _title(scenario):
    return scenario.title if scenario.unit == "µs" else f"{scenario.title}, {scenario.unit}"


def _costs(result, chosen, names):
    rows = []
    for scenario in chosen:
        summary = result["summary"].get(scenario.name, {})
        row = [_title(scenario)]
        for name in names:
            if name not in summary:
                row.append("")
                continue
            s = summary[name]
            cell = f"{number(s['median'])} ({number(s['best'])})"
            if s["ratio"] is not None and name != BASE[scenario.kind]:
                cell += f" ×{ratio(s['ratio'])}"
                if s["ratio_between"]:
                    cell += f" [{', '.join(ratio(r) for r in s['ratio_between'])}]"
            row.append(cell)
        rows.append(row)
    return _table(["scenario", *names], rows)


def _throughputs(result, chosen, names):
    rows = []
    for scenario in chosen:
        summary = result["summary"].get(scenario.name, {})
        if any(s["throughput"] for s in summary.values()):
            rows.append([scenario.title] + [
                f"{summary[n]['throughput'] / 1000:,.1f}" if n in summary else "" for n in names])
    return _table(["scenario", *names], rows)


def markdown(result):
    """The report; result is what result.json has."""
    measured = [s for s in scenarios.ALL if s.name in result["summary"]]
    single = [s for s in measured if s.kind != "pair"]
    pair = [s for s in measured if s.kind == "pair"]
    names = [n for n in result["versions"] if any(n in result["summary"][s.name] for s in single)]
    m, settings = result["machine"], result["settings"]
    parts = [
        f"# yodel {m['commit']} beside its peers",
        f"`{settings['command']}`, {m['date']}: {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}; "
        f"{settings['rounds']} rounds of {settings['seconds']} s in shuffled order, "
        f"load average {m['load_before']} before and {m['load_after']} after. "
        + settings["pinning"],
    ]
    if single:
        parts += [
            "Server CPU, microseconds per message, unless the scenario names another unit: median "
            "(best) ×ratio to the limit, the median of the rounds' ratios [between what it lies with "
            "95 %, where there are rounds enough]. A message is a line and its answer; sizes are a "
            "line's with its CRLF.",
            _costs(result, single, names),
            "Thousand messages a second (server and generator on a core each):",
            _throughputs(result, single, names),
        ]
    if pair:
        parts += [
            "Two workers: server CPU, microseconds per message: median (best) ×ratio to one worker.",
            _costs(result, pair, scenarios.PAIR),
            "Thousand messages a second (where two cores serve, generators run on the same two):",
            _throughputs(result, pair, scenarios.PAIR),
        ]
    parts.append("\n".join(f"- {name}: {version}" for name, version in result["versions"].items()))
    if result["notes"]:
        parts.append("\n".join(f"- {note}" for note in result["notes"]))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"
