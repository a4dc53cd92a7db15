/* The status page's numbers, as people read them. */
"use strict";

const THIN = "\u202f"; /* narrow, no break */
const short = text => text.replace(/\.0+(?=\D*$)/, "");
const DASH = "\u2013";
const digits = v => v >= 99.5 ? v.toFixed(0) : v >= 9.95 ? v.toFixed(1) : v.toFixed(2);
const exact = v => Math.round(v).toLocaleString("en-US");

function count(v) {
    if (v < 9999.5) return exact(v);
    const [unit, name] = v < 999500 ? [1e3, "k"] : v < 9.995e8 ? [1e6, "M"] : [1e9, "G"];
    return digits(v / unit) + name;
}

function seconds(v) {
    if (v === null) return DASH;
    const [unit, name] = v < 0.0009995 ? [1e-6, "\u00b5s"] : v < 0.9995 ? [1e-3, "ms"] : [1, "s"];
    return digits(v / unit).replace(/\.0+$/, "") + THIN + name;
}

function bytes(v) {
    const names = ["B", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;
    for (; v >= 1023.5 && i < names.length - 1; i++) v /= 1024;
    return (i === 0 ? exact(v) : digits(v)) + THIN + names[i];
}

function lasting(s) {
    const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"],
                   [Math.floor(s / 60) % 60, "min"], [Math.floor(s) % 60, "s"]];
    const first = parts.findIndex(p => p[0] > 0);
    return parts.slice(first < 0 ? 3 : first).slice(0, 2).map(p => p[0] + THIN + p[1]).join(" ");
}

const percent = v => Math.round(100 * v) + THIN + "%";
const clock = ms => new Date(ms).toLocaleTimeString("en-GB");
