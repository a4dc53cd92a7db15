/* The status page: asks for status.json every second and draws what it says. server/status.h
   explains the data, status_words.js has its words. */
"use strict";

const KEPT = 300000;   /* ms that are shown at the most */
const SPANS = [         /* what the charts show: as little as holds all that there is */
    { ms: 60000, step: 15000, name: "The last minute", tick: ms => ms / 1000 + " s" },
    { ms: 120000, step: 30000, name: "The last two minutes", tick: ms => ms / 1000 + " s" },
    { ms: KEPT, step: 60000, name: "The last five minutes", tick: ms => ms / 60000 + " min" },
];
const PERIOD = 1000;   /* ms between two questions */
const PATIENCE = 4000; /* ms for an answer */
const SERIES = ["at", "bytes_in", "bytes_out", "active", "lines", "busy", "lag", "longest"];

const samples = Object.fromEntries(SERIES.map(name => [name, []]));
let last = 0;        /* the number of the newest sample that we have */
let process = null;  /* which server they are from */
let data = null;     /* the last answer */
let answered = 0;    /* when it came */
let pointed = null;  /* the instant that the mouse points at */

const span = () => SPANS.find(s => samples.at.length === 0 || samples.at[samples.at.length - 1] - samples.at[0] <= s.ms + 500) || SPANS[2];

const $ = id => document.getElementById(id);
const sum = list => list.reduce((a, b) => a + b, 0);
const most = list => list.reduce((a, b) => Math.max(a, b), 0);
const known = list => list.filter(v => v !== null);
const longestOf = list => known(list).length ? most(known(list)) : null;
const meanOf = list => known(list).length ? sum(known(list)) / known(list).length : null;

/* --- elements --------------------------------------------------------------------------------- */

function make(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) e.setAttribute(key, value);
    e.append(...children);
    return e;
}

function draw(name, attributes, text) {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    if (text !== undefined) e.textContent = text;
    return e;
}

/* --- charts ----------------------------------------------------------------------------------- */

const linear = top => ({ top, of: v => v / top });
const decades = (low, top) => ({ top, of: v => Math.log(Math.max(v, low) / low) / Math.log(top / low) });

/* Ticks of 1, 2 or 5 times a power of ten; whole is for what is counted. */
function ticksOf(max, whole) {
    let step = Math.pow(10, Math.floor(Math.log10(Math.max(max, 1e-9) / 3)));
    for (const factor of [2, 2.5, 2]) {
        if (max / step > 4) step *= factor;
    }
    if (whole) step = Math.max(1, step);
    const ticks = [];
    for (let v = 0; v < max + step; v += step) ticks.push(v);
    return ticks;
}

/* A chart's series, each a list with a value (or null) for every sample; a is drawn as an area, too. */
const charts = {
    lines: {
        a: () => samples.lines.map(sum), filled: true, say: v => count(v) + "/s", tick: v => short(count(v)),
        scale(max) { const ticks = ticksOf(Math.max(max, 10), true); return [linear(ticks[ticks.length - 1]), ticks]; },
    },
    active: {
        a: () => samples.active.map(sum), filled: true, say: exact, tick: v => short(count(v)),
        scale(max) { const ticks = ticksOf(Math.max(max, 4), true); return [linear(ticks[ticks.length - 1]), ticks]; },
    },
    lag: {
        a: () => samples.longest.map(longestOf), b: () => samples.lag.map(meanOf), say: seconds, tick: seconds,
        scale(max) {
            const ticks = [1e-6];
            while (ticks[ticks.length - 1] < Math.max(max, 1e-3)) ticks.push(Number((ticks[ticks.length - 1] * 10).toPrecision(1)));
            return [decades(1e-6, ticks[ticks.length - 1]), ticks];
        },
    },
    busy: {
        a: () => samples.busy.map(most), b: () => samples.busy.map(meanOf), say: percent, tick: percent,
        scale() { return [linear(1), [0, 0.25, 0.5, 0.75, 1]]; },
    },
};

/* A path through the points, interrupted where a sample is missing. */
function pathOf(values, x, y) {
    let path = "";
    let before = -Infinity;
    values.forEach((v, i) => {
        const at = samples.at[i];
        if (v !== null) {
            path += (at - before > 3500 ? "M" : "L") + x(at).toFixed(1) + " " + y(v).toFixed(1);
            before = at;
        }
    });
    return path;
}

function areaOf(values, x, y, base) {
    let path = "";
    let run = [];
    const close = () => {
        if (run.length > 1) {
            path += "M" + run[0][0] + " " + base + run.map(p => "L" + p[0] + " " + p[1]).join("") + "L" + run[run.length - 1][0] + " " + base + "Z";
        }
        run = [];
    };
    values.forEach((v, i) => {
        if (v === null || (i > 0 && samples.at[i] - samples.at[i - 1] > 3500)) close();
        if (v !== null) run.push([x(samples.at[i]).toFixed(1), y(v).toFixed(1)]);
    });
    close();
    return path;
}

/* The sample that is nearest to the instant that the mouse points at; the newest without. */
function pointedSample() {
    const n = samples.at.length;
    if (pointed === null || n === 0) return n - 1;
    let best = 0;
    for (let i = 1; i < n; i++) {
        if (Math.abs(samples.at[i] - pointed) < Math.abs(samples.at[best] - pointed)) best = i;
    }
    return best;
}

function drawChart(id) {
    const chart = charts[id];
    const plot = $(id).querySelector(".plot");
    const width = plot.clientWidth, height = plot.clientHeight;
    const left = 52, right = width - 6, top = 8, bottom = height - 22;
    const end = samples.at[samples.at.length - 1] || Date.now();
    const { ms, step, tick: ago } = span();
    const x = at => right - (end - at) / ms * (right - left);
    const a = chart.a(), b = chart.b ? chart.b() : [];
    const [scale, ticks] = chart.scale(most(known(a)));
    const y = v => bottom - Math.min(1, scale.of(v)) * (bottom - top);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": $(id).querySelector("h3").textContent });

    for (const tick of ticks) {
        const at = Math.round(y(tick)) + 0.5;
        svg.append(draw("line", { class: tick === ticks[0] ? "base" : "grid", x1: left, x2: right, y1: at, y2: at }),
                   draw("text", { class: "y", x: left - 8, y: at + 4 }, chart.tick(tick)));
    }
    for (let back = 0; back <= ms; back += step) {
        const at = Math.round(x(end - back)) + 0.5;
        const anchor = back === 0 ? "end" : back === ms ? "start" : "middle";
        svg.append(draw("line", { class: "base", x1: at, x2: at, y1: bottom, y2: bottom + 4 }));
        if (back === 0 || back === ms || width > 380) {
            svg.append(draw("text", { "text-anchor": anchor, x: at, y: height - 4 }, back === 0 ? "now" : "\u2212" + ago(back)));
        }
    }
    if (chart.filled) svg.append(draw("path", { class: "area", d: areaOf(a, x, y, bottom) }));
    if (chart.b) svg.append(draw("path", { class: "line-b", d: pathOf(b, x, y) }));
    svg.append(draw("path", { class: "line-a", d: pathOf(a, x, y) }));

    const i = pointedSample();
    if (pointed !== null && i >= 0) {
        svg.append(draw("line", { class: "cursor", x1: x(samples.at[i]), x2: x(samples.at[i]), y1: top, y2: bottom }));
    }
    plot.replaceChildren(svg);
    plot.chart = { left, right, end, ms };
    const value = (v, name) => v === undefined || v === null ? "" : make("b", { class: name }, chart.say(v));
    $(id).querySelector("output").replaceChildren(pointed !== null && i >= 0 ? clock(samples.at[i]) : "", value(a[i], "val-a"), value(b[i], "val-b"));
}

/* --- the heat map of all cores ---------------------------------------------------------------- */

function channels(color) {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(color).trim();
    return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
}

function drawHeat() {
    const canvas = $("heat").querySelector("canvas");
    const cores = data.workers.length, columns = span().ms / 1000;
    const ramp = ["--heat-0", "--heat-1", "--heat-2", "--heat-3"].map(channels);
    canvas.width = columns;
    canvas.height = cores;
    canvas.style.height = Math.min(Math.max(cores * 20, 28), Math.max(cores * 6, 160)) + "px";
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, cores);
    const end = samples.at[samples.at.length - 1];
    samples.at.forEach((at, i) => {
        const column = columns - 1 - Math.round((end - at) / 1000);
        for (let core = 0; core < cores && column >= 0; core++) {
            const v = samples.longest[i][core];
            if (v === null) continue;
            const place = Math.min(2.9999, Math.max(0, Math.log10(v / 1e-6) / 2)); /* 1 us to 1 s */
            const from = ramp[Math.floor(place)], to = ramp[Math.floor(place) + 1];
            const o = 4 * (core * columns + column);
            for (let c = 0; c < 3; c++) image.data[o + c] = from[c] + (to[c] - from[c]) * (place % 1);
            image.data[o + 3] = 255;
        }
    });
    context.putImageData(image, 0, 0);
    const i = pointedSample();
    const row = i >= 0 ? samples.longest[i] : [];
    const longest = longestOf(row);
    $("heat").querySelector("output").textContent = longest === null ? "" :
        (pointed !== null ? clock(samples.at[i]) + " \u00b7 " : "") + "core " + row.indexOf(longest) + " \u00b7 " + seconds(longest);
}

/* --- cores ------------------------------------------------------------------------------------ */

function drawCores() {
    const list = $("cores");
    const end = samples.at[samples.at.length - 1];
    const x = at => 300 - (end - at) / span().ms * 300;
    const top = Math.max(1, most(samples.lines.map(most)));
    const y = v => 29 - v / top * 28;
    const n = samples.at.length - 1;
    list.classList.toggle("few", data.workers.length <= 4);
    list.replaceChildren(...data.workers.map((worker, core) => {
        const lines = samples.lines.map(row => row[core]);
        const svg = draw("svg", { viewBox: "0 0 300 30", preserveAspectRatio: "none", "aria-hidden": "true" });
        svg.append(draw("path", { class: "area", d: areaOf(lines, x, y, 30) }), draw("path", { class: "line-a", d: pathOf(lines, x, y) }));
        const item = make("li", worker.stuck ? { class: "stuck" } : {},
            make("div", { class: "name" }, make("span", {}, `core ${core}`), worker.stuck ? make("b", {}, "stuck") : make("span", {}, percent(n < 0 ? 0 : samples.busy[n][core]) + " busy")),
            make("div", { class: "value" }, count(n < 0 ? 0 : lines[n]), make("small", {}, " lines/s")),
            svg,
            make("div", { class: "rest" }, make("span", { title: "connections" }, count(worker.active) + " conn."),
                 make("span", { title: "longest loop lag of the last second" }, seconds(n < 0 ? null : samples.longest[n][core]))));
        return item;
    }));
}

/* --- figures and tables ----------------------------------------------------------------------- */

function figure(name, value, unit, sub) {
    return make("div", {}, make("dt", {}, name),
                make("dd", { class: "value" }, value, ...(unit ? [make("small", {}, " " + unit)] : [])), make("dd", { class: "sub" }, sub));
}

function showFigures() {
    const n = samples.at.length - 1;
    const of = name => n < 0 ? [] : samples[name][n];
    const lag = longestOf(of("longest"));
    const c = data.counters;
    $("figures").replaceChildren(
        figure("Connections", count(c.active), "", "of " + exact(data.limits.connections) + " at most"),
        figure("Lines received", count(sum(of("lines"))), "/s", bytes(samples.bytes_in[n] || 0) + "/s"),
        figure("Longest lag", seconds(lag), "", lag === null ? "not measured yet" : "core " + of("longest").indexOf(lag) + ", last second"),
        figure("Busy", percent(meanOf(of("busy")) || 0), "", "busiest core " + percent(most(of("busy")))),
        figure("Memory", bytes(data.process.resident), "", "buffers " + bytes(c.buffered) + (data.limits.buffered ? " of " + bytes(data.limits.buffered) : "")),
        figure("Descriptors", count(data.process.fds), "", "of " + exact(data.limits.fds)));
}

const REASONS = {
    quit: "the client said so", eof: "end of the client's input", idle: "idle for too long", stalled: "reader stood still",
    overrun: "unsent answers above the cap", line_too_long: "line too long", reset: "reset, network error",
    drain: "drained, all answered", drain_abort: "still busy after the grace", handler: "a callback failed", memory: "out of memory", full: "server was full",
    proxy: "no PROXY header", refused: "refused for its address",
};

function showClosed() {
    const total = sum(Object.values(data.closed));
    const rows = Object.entries(data.closed).sort((a, b) => b[1] - a[1]).map(([reason, n]) => {
        const bar = make("i");
        bar.style.width = total ? 100 * n / total + "%" : "0";
        return make("tr", n ? {} : { class: "zero" }, make("th", { title: reason }, REASONS[reason] || reason.replace(/_/g, " ")),
                    make("td", { class: "share" }, ...(n ? [bar] : [])), make("td", {}, exact(n)));
    });
    $("closed").tBodies[0].replaceChildren(...rows);
}

/* Rows of name and value; look: it should not be so. */
function row(name, value, look) {
    const zero = value === "0" ? "zero" : "";
    return make("tr", { class: look ? "look" : zero }, make("th", {}, name), make("td", {}, value));
}

function showTrouble() {
    const c = data.counters;
    const stuck = data.workers.filter(w => w.stuck).length;
    const errors = Object.entries(data.accept_errors).map(([name, n]) => row("accept: " + name, exact(n), false));
    $("trouble").tBodies[0].replaceChildren(
        row("cores stuck now", exact(stuck), stuck > 0), row("times a core was stuck", exact(c.stuck)),
        row("connections refused", exact(c.rejected + c.rejected_per_ip + c.rejected_rate + c.rejected_untrusted)), row("not read now", exact(c.paused_now)), row("times paused", exact(c.paused)),
        row("accepting failed", exact(c.accept_errors)), ...errors, row("lines cut off by their client", exact(c.partial)),
        row("log lines lost", data.log_lost === null ? DASH : exact(data.log_lost)));
}

function showProcess() {
    const s = data.server;
    $("process").tBodies[0].replaceChildren(
        row("version", s.version + ", " + s.commit), row("process", s.pid + " on " + s.host), row("protocol", s.protocol),
        row("listens on", s.listeners.join(", ")), row("started", new Date(s.started * 1000).toLocaleString("en-GB")),
        row("processor time", lasting(data.process.cpu)), row("address space", bytes(data.process.virtual)),
        row("accepted", exact(data.counters.accepted)), row("lines in", exact(data.counters.lines_in)), row("lines out", exact(data.counters.lines_out)),
        row("bytes in", bytes(data.counters.bytes_in)), row("bytes out", bytes(data.counters.bytes_out)));
}

function showState() {
    const s = data.server;
    const silent = Date.now() - answered > PATIENCE + PERIOD;
    const stuck = data.workers.some(w => w.stuck);
    const [word, look] = silent ? ["no answer", "bad"] : stuck ? ["a core is stuck", "bad"] :
        s.state === "serving" ? ["serving", "good"] : [s.state, "doubt"];
    $("state").textContent = word;
    $("state").className = "pill " + look;
    $("what").textContent = `${s.protocol} on ${s.listeners.join(", ")} \u00b7 ${s.host} \u00b7 ${data.workers.length} ${data.workers.length === 1 ? "core" : "cores"} \u00b7 up for ${lasting(s.uptime)}`;
    $("drain").hidden = s.state !== "draining" || silent;
    $("silent").hidden = !silent;
    $("silent").textContent = `The server has not answered since ${clock(answered)}; this is how it was then.`;
    document.title = `${silent ? "no answer \u00b7 " : ""}${s.host} \u00b7 yodel-server`;
}

/* --- life ------------------------------------------------------------------------------------- */

function show() {
    if (data === null) return;
    $("live").hidden = false;
    $("span").textContent = span().name;
    showState();
    showFigures();
    Object.keys(charts).forEach(drawChart);
    drawCores();
    drawHeat();
    showClosed();
    showTrouble();
    showProcess();
}

function take(answer) {
    const from = answer.server.pid + "/" + answer.server.started;
    const anew = process !== from || answer.samples.last < last;
    if (anew && process !== null) { /* another server now: ask for all that it has */
        process = from;
        last = 0;
        for (const name of SERIES) samples[name] = [];
        return false;
    }
    process = from;
    for (const name of SERIES) samples[name].push(...answer.samples[name]);
    last = answer.samples.last;
    const end = samples.at[samples.at.length - 1];
    const old = samples.at.filter(at => at < end - KEPT - 500).length;
    for (const name of SERIES) samples[name].splice(0, old);
    data = answer;
    answered = Date.now();
    return true;
}

async function ask() {
    let wait = PERIOD;
    try {
        const answer = await fetch("status.json?since=" + last, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
        if (!answer.ok) throw new Error(answer.status);
        if (!take(await answer.json())) wait = 0;
    } catch (error) {
        /* showState tells when there is no answer for too long */
    }
    show();
    setTimeout(ask, wait);
}

function point(event) {
    const plot = event.target.closest && event.target.closest(".plot");
    let at = null;
    if (plot && plot.chart) {
        const { left, right, end, ms } = plot.chart;
        const x = event.clientX - plot.getBoundingClientRect().left;
        at = Math.min(end, Math.max(end - ms, end - (right - x) / (right - left) * ms));
    }
    if (at !== pointed) {
        pointed = at;
        if (data !== null) {
            Object.keys(charts).forEach(drawChart);
            drawHeat();
        }
    }
}

document.addEventListener("pointermove", point);
document.addEventListener("pointerleave", point);
addEventListener("resize", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
ask();
