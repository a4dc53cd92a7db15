"""The picture: what a message costs on each server, in multiples of what it costs on the limit."""
import math
from html import escape

import report
import scenarios

WIDTH = 900
COLUMNS = 2
MARGIN = 24
GUTTER = 36
NAMES = 62  # room for a server's name
VALUES = 74  # and, behind the last mark, for its value
LANE = 17
HEAD = 26  # a panel's title
FOOT = 30  # its scale
TOP = 84

STYLE = """
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 }
.panel { font-weight: 600 }
.quiet { fill: #59636e }
.scale { font-size: 11px; fill: #59636e }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.limit { stroke: #59636e; stroke-dasharray: 3 2 }
.stem { stroke: #afb8c1; stroke-width: 2 }
.mark { fill: #6e7781 }
.ours .mark { fill: #0969da }
.ours .stem { stroke: #0969da }
.ours text { fill: #0550ae; font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.quiet, .scale { fill: #9198a1 }
.paper { fill: #0d1117 }
.grid { stroke: #2a313c }
.limit { stroke: #9198a1 }
.stem { stroke: #59636e }
.mark { fill: #9198a1 }
.ours .mark { fill: #4493f8 }
.ours .stem { stroke: #4493f8 }
.ours text { fill: #79c0ff }
}
"""


def _text(x, y, text, css="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1, y1, x2, y2, css):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


class Scale:
    """Ratios to places, the same in every panel of a unit; logarithmic."""

    def __init__(self, ratios, left, right):
        self.low = min(0.9, min(ratios) * 0.9)
        self.high = max(2, max(ratios) * 1.1)
        self.left, self.right = left, right

    def __call__(self, ratio):
        part = math.log(ratio / self.low) / math.log(self.high / self.low)
        return self.left + part * (self.right - self.left)

    def ticks(self):
        """Round numbers of the range, not too near to each other."""
        last = -100
        for value in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
            if self.low <= value <= self.high and self(value) - last > 28:
                last = self(value)
                yield value


def _panel(title, unit, summary, names, scale, x, y):
    out = [_text(x, y + 14, title, "panel")]
    top, bottom = y + HEAD, y + HEAD + LANE * len(names)
    left = x + NAMES
    for tick in scale.ticks():
        at = left + scale(tick)
        out.append(_line(at, top, at, bottom, "limit" if tick == 1 else "grid"))
        out.append(_text(at, bottom + 14, f"{tick:g}×", "scale", "middle"))
    for i, name in enumerate(names):
        middle = top + LANE * (i + 0.5)
        if summary.get(name, {}).get("ratio") is None:
            out.append(_text(x, middle + 4, name, "quiet"))
            continue
        at = left + scale(summary[name]["ratio"])
        value = f"{report.number(summary[name]['median'])} {unit}"
        out += [f'<g class="{"ours" if name == "yodel" else ""}">',
                _text(x, middle + 4, name),
                _line(left + scale(1), middle, at, middle, "stem"),
                f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="4.5" class="mark"/>',
                _text(max(at, left + scale(1)) + 9, middle + 4, value), "</g>"]
    return out


def svg(result):
    """The picture of a report; None when there is nothing to show: no limit, or only the limit."""
    panels = [s for s in scenarios.ALL if s.kind != "pair" and not s.only
              and any(v["ratio"] is not None for n, v in result["summary"].get(s.name, {}).items()
                      if n != "limit")]
    if not panels:
        return None
    names = [n for n in result["versions"] if any(n in result["summary"][s.name] for s in panels)]
    panel_width = (WIDTH - 2 * MARGIN - GUTTER) / COLUMNS
    panel_height = HEAD + LANE * len(names) + FOOT
    ratios = {}
    for s in panels:
        ratios.setdefault(s.unit[0], []).extend(
            v["ratio"] for v in result["summary"][s.name].values() if v["ratio"] is not None)
    scales = {unit: Scale(all_of_it, 8, panel_width - NAMES - VALUES)
              for unit, all_of_it in ratios.items()}
    height = TOP + panel_height * math.ceil(len(panels) / COLUMNS) + 10
    m = result["machine"]
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="Server CPU per message of yodel and its peers">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="paper"/>',
        _text(MARGIN, 34, "What a message costs the server, against hand-written epoll", "title"),
        _text(MARGIN, 56, "CPU per message unless the panel says otherwise; place: multiple of the "
              "limit's, logarithmic; number: median. Less is better.", "quiet"),
        _text(MARGIN, 73, f"{m['cpu']}, one core; Linux {m['kernel']}; yodel {m['commit']}, "
              f"{m['date'][:10]}", "scale"),
    ]
    for i, scenario in enumerate(panels):
        x = MARGIN + (i % COLUMNS) * (panel_width + GUTTER)
        y = TOP + (i // COLUMNS) * panel_height
        unit = "µs" if scenario.unit.startswith("µs") else "B"
        out += _panel(scenario.title, unit, result["summary"][scenario.name], names,
                      scales[scenario.unit[0]], x, y)
    return "\n".join(out + ["</svg>"]) + "\n"
