// SPDX-License-Identifier: BSD-2-Clause
// Draws the trace that the page carries, a lane for each track: wheel zooms, drag moves, / searches.
"use strict";

/* Where the tracks are, in rows; a counter has two, slices one for each depth. */
function layOut(data) {
	const depth = data.tracks.map(() => 0), lanes = [];
	for (const [track, d] of data.slices)
		depth[track] = Math.max(depth[track], d + 1);
	let row = 0;
	data.tracks.forEach(([label, kind], i) => {
		const rows = 1 + (kind === "counter" ? 1 : Math.max(depth[i], 1));
		lanes.push({ label, kind, row, rows });
		row += rows;
	});
	return { lanes, rows: row };
}

/* Nanoseconds in the unit that fits, exact enough to tell times a step apart. */
function time(value, step) {
	const units = [[1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]];
	const [size, name] = units.find(([s]) => Math.abs(value) >= s) || units[3];
	const digits = Math.max(0, Math.min(9, Math.ceil(Math.log10(size / (step || size / 1000)))));
	return (value / size).toFixed(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") + name;
}

/* Times at which to draw lines: 1, 2 or 5 times a power of ten apart. */
function ticks(from, to, most) {
	let step = 10 ** Math.floor(Math.log10(Math.max((to - from) / most, 1e-3)));
	for (const factor of [2, 2.5, 2])
		if ((to - from) / step > most)
			step *= factor;
	const found = [];
	for (let at = Math.ceil(from / step) * step; at <= to && found.length < 2 * most + 2; at += step)
		found.push(at);
	return { step, found };
}

/* What has a name or a message in which the pattern is found, in the order of the times. */
function findAll(data, pattern) {
	const hit = data.texts.map((text) => pattern.test(text));
	const found = [];
	data.slices.forEach((s, i) => (hit[s[4]] || hit[s[5]]) && found.push([s[2], 0, i]));
	data.instants.forEach((e, i) => (hit[e[2]] || hit[e[3]]) && found.push([e[1], 1, i]));
	return found.sort((a, b) => a[0] - b[0]);
}

/* A name's colour: the same in every trace. */
function colour(text) {
	let hash = 2166136261;
	for (let i = 0; i < text.length; i++)
		hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
	const hue = (hash >>> 0) % 360;
	return /^wait( |$)/.test(text) ? `hsl(0 0% ${62 + hue % 12}%)` : `hsl(${hue} 60% ${68 + hue % 10}%)`;
}

function lengthOf(data, slice) {
	return slice[3] < 0 ? data.length - slice[2] : slice[3];
}

function main() {
	const byId = (id) => document.getElementById(id);
	const data = JSON.parse(byId("trace").textContent), { lanes, rows } = layOut(data);
	const canvas = byId("graph"), pen = canvas.getContext("2d"), search = byId("search");
	const row = 18, top = 22, whole = Math.max(data.length, 1), colours = data.texts.map(colour);
	const styles = getComputedStyle(document.documentElement), style = (name) => styles.getPropertyValue(name);
	let from = 0, to = whole, found = [], matched = new Set(), current = -1, drawn = [], under = null, drag = null;
	const margin = () => Math.min(220, canvas.clientWidth * 0.2);
	const place = (t) => margin() + (t - from) / (to - from) * (canvas.clientWidth - margin());
	const timeAt = (x) => from + (x - margin()) / (canvas.clientWidth - margin()) * (to - from);

	function text(words, x, y, width) {
		const room = Math.floor(width / letter);
		if (room >= 2)
			pen.fillText(words.length <= room ? words : words.slice(0, room - 1) + "\u2026", x, y);
	}

	let letter = 7;
	function draw() {
		const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = top + row * rows + 4;
		canvas.style.height = height + "px";
		canvas.width = width * ratio;
		canvas.height = height * ratio;
		pen.scale(ratio, ratio);
		pen.font = "12px ui-monospace, Menlo, Consolas, monospace";
		letter = pen.measureText("m").width;
		drawn = [];
		drawAxis(width, height);
		pen.save();
		pen.beginPath();
		pen.rect(margin(), 0, width - margin(), height);
		pen.clip();
		data.slices.forEach(drawSlice);
		drawCounters();
		data.instants.forEach(drawInstant);
		drawFlows();
		pen.restore();
		for (const lane of lanes) {
			pen.fillStyle = style("--faint");
			text(lane.label, 2, top + row * lane.row + 13, width);
		}
	}

	function drawAxis(width, height) {
		const { step, found: marks } = ticks(from, to, Math.max((width - margin()) / 110, 1));
		pen.lineWidth = 1;
		for (const at of marks) {
			pen.strokeStyle = style("--line");
			pen.strokeRect(Math.round(place(at)) + 0.5, 0, 0, height);
			pen.fillStyle = style("--faint");
			pen.fillText(time(at, step), place(at) + 3, 12);
		}
		for (const lane of lanes) {
			pen.strokeStyle = style("--line");
			pen.strokeRect(0, top + row * lane.row - 1.5, width, 0);
		}
	}

	const last = new Map(); // by row: the pixel that is drawn already
	function drawSlice(s, i) {
		if (i === 0)
			last.clear();
		const length = lengthOf(data, s);
		if (s[2] > to || s[2] + length < from)
			return;
		const x = Math.max(place(s[2]), margin() - 2), end = Math.min(place(s[2] + length), canvas.clientWidth + 2);
		const line = lanes[s[0]].row + 1 + s[1], y = top + row * line, hit = matched.has("0 " + i);
		const w = Math.max(end - x, 1);
		if (!hit && w <= 1 && last.get(line) === Math.floor(x))
			return;
		last.set(line, Math.floor(x));
		drawn.push([x, y, w, 0, i]);
		pen.globalAlpha = matched.size && !hit ? 0.35 : 1;
		pen.fillStyle = hit ? style("--mark") : colours[s[4]];
		pen.fillRect(x, y, w > 3 ? w - 0.6 : w, row - 2);
		if (s[3] < 0) {
			pen.fillStyle = style("--paper");
			for (let k = 0; k < 3; k++)
				pen.fillRect(end - 4 - 4 * k, y, 2, row - 2);
		}
		if (under && under[0] === 0 && under[1] === i) {
			pen.strokeStyle = style("--ink");
			pen.strokeRect(x + 0.5, y + 0.5, w - 1, row - 3);
		}
		pen.globalAlpha = 1;
		pen.fillStyle = hit ? style("--paper") : "#111";
		text(data.texts[s[4]], x + 3, y + 12, w - 6);
	}

	function drawInstant(e, i) {
		const x = place(e[1]), y = top + row * lanes[e[0]].row, hit = matched.has("1 " + i);
		if (e[1] < from || e[1] > to)
			return;
		drawn.push([x - 5, y, 10, 1, i]);
		pen.globalAlpha = matched.size && !hit ? 0.35 : 1;
		pen.fillStyle = hit ? style("--mark") : colours[e[2]];
		pen.beginPath();
		pen.moveTo(x, y + 2);
		pen.lineTo(x + 5, y + row - 3);
		pen.lineTo(x - 5, y + row - 3);
		pen.fill();
		if (under && under[0] === 1 && under[1] === i) {
			pen.strokeStyle = style("--ink");
			pen.stroke();
		}
		pen.globalAlpha = 1;
	}

	const ranges = lanes.map(() => [0, 0]);
	for (const [track, , value] of data.counters)
		ranges[track] = [Math.min(ranges[track][0], value), Math.max(ranges[track][1], value)];
	function drawCounters() {
		const before = new Map();
		const step = ([track, at, value], until) => {
			const [low, high] = ranges[track], lane = lanes[track], size = row * lane.rows - 4;
			const y = top + row * lane.row + 2, tall = high > low ? (value - low) / (high - low) * size : 0;
			pen.fillStyle = colour(lane.label);
			pen.fillRect(place(at), y + size - tall - 1, Math.max(place(until) - place(at), 1), tall + 1);
			drawn.push([place(at), y, Math.max(place(until) - place(at), 3), 2, [track, at, value]]);
		};
		for (const c of data.counters) {
			const b = before.get(c[0]);
			if (b && c[1] >= from && b[1] <= to)
				step(b, c[1]);
			before.set(c[0], c);
		}
		for (const b of before.values())
			step(b, data.length);
	}

	function drawFlows() {
		pen.strokeStyle = style("--faint");
		for (const [a, s, b, e] of data.flows) {
			if (Math.max(s, e) < from || Math.min(s, e) > to)
				continue;
			const x = place(s), y = top + row * lanes[a].row + row / 2, x2 = place(e), y2 = top + row * lanes[b].row + row / 2;
			pen.beginPath();
			pen.moveTo(x, y);
			pen.bezierCurveTo(x + 30, y, x2 - 30, y2, x2, y2);
			pen.stroke();
			pen.strokeRect(x2 - 2, y2 - 2, 3, 3);
		}
	}

	function describe([kind, i]) {
		if (kind === 2)
			return lanes[i[0]].label + " = " + i[2] + " from " + time(i[1], 1);
		if (kind === 1) {
			const [track, at, name, more] = data.instants[i];
			return [data.texts[name], data.texts[more], "at " + time(at, 1), lanes[track].label].filter(Boolean).join("  ");
		}
		const s = data.slices[i], length = s[3] < 0 ? "not over" : time(s[3]);
		return [data.texts[s[4]], length, data.texts[s[5]], "at " + time(s[2], 1), lanes[s[0]].label].filter(Boolean).join("  ");
	}

	function at(event) {
		const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
		for (let k = drawn.length - 1; k >= 0; k--) {
			const [left, up, w, kind, i] = drawn[k];
			if (x >= left && x < left + w && y >= up && y < up + row)
				return [kind, i];
		}
		return null;
	}

	function tell(what) {
		const same = what && under ? what[0] === under[0] && what[1] === under[1] : what === under;
		if (same)
			return;
		under = what;
		byId("told").textContent = what ? describe(what) : "\u00a0";
		draw();
	}

	function show(a, b) {
		const least = 20, length = Math.min(Math.max(b - a, least), whole * 1.04);
		from = Math.max(-whole * 0.02, Math.min(a, whole * 1.02 - length));
		to = from + length;
		draw();
	}

	function zoom(factor, around) {
		show(around - (around - from) * factor, around + (to - around) * factor);
	}

	function go(i) {
		if (!found.length)
			return;
		current = (i + found.length) % found.length;
		const [start, kind, n] = found[current], length = kind === 0 ? lengthOf(data, data.slices[n]) : 0;
		if (start < from || start + length > to || length * 400 < to - from)
			show(start - Math.max(length, (to - from) / 50), start + Math.max(length, (to - from) / 50) * 2);
		byId("found").textContent = `${current + 1} of ${found.length}`;
		tell([kind, n]);
	}

	function look() {
		found = [];
		matched = new Set();
		current = -1;
		search.classList.remove("bad");
		byId("found").textContent = "";
		if (search.value) {
			try {
				found = findAll(data, new RegExp(search.value));
				matched = new Set(found.map(([, kind, i]) => kind + " " + i));
				byId("found").textContent = `${found.length} found`;
			} catch {
				search.classList.add("bad");
			}
		}
		draw();
	}

	canvas.addEventListener("wheel", (event) => {
		event.preventDefault();
		const box = canvas.getBoundingClientRect();
		if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
			show(from + (event.deltaX || event.deltaY) / 800 * (to - from), to + (event.deltaX || event.deltaY) / 800 * (to - from));
		else
			zoom(Math.exp(event.deltaY / 400), timeAt(event.clientX - box.left));
	}, { passive: false });
	canvas.addEventListener("pointerdown", (event) => {
		drag = { x: event.clientX, from, to, moved: false };
		canvas.setPointerCapture(event.pointerId);
	});
	canvas.addEventListener("pointermove", (event) => {
		if (!drag) {
			tell(at(event));
			return;
		}
		const shift = (event.clientX - drag.x) / (canvas.clientWidth - margin()) * (drag.to - drag.from);
		drag.moved = drag.moved || Math.abs(event.clientX - drag.x) > 3;
		canvas.classList.toggle("moving", drag.moved);
		if (drag.moved)
			show(drag.from - shift, drag.to - shift);
	});
	canvas.addEventListener("pointerup", (event) => {
		const what = at(event);
		if (drag && !drag.moved && what && what[0] === 0) {
			const s = data.slices[what[1]], length = lengthOf(data, s);
			show(s[2] - length * 0.1, s[2] + length * 1.1);
		}
		drag = null;
		canvas.classList.remove("moving");
	});
	canvas.addEventListener("pointerleave", () => tell(null));
	search.addEventListener("input", look);
	search.addEventListener("keydown", (event) => event.key === "Enter" && go(current + (event.shiftKey ? -1 : 1)));
	byId("before").addEventListener("click", () => go(current - 1));
	byId("after").addEventListener("click", () => go(current + 1));
	byId("reset").addEventListener("click", () => {
		search.value = "";
		look();
		show(0, whole);
	});
	window.addEventListener("resize", draw);
	window.addEventListener("keydown", (event) => {
		const middle = (from + to) / 2, step = (to - from) / 5;
		const moves = { w: () => zoom(0.7, middle), s: () => zoom(1 / 0.7, middle), a: () => show(from - step, to - step),
			d: () => show(from + step, to + step) };
		if (event.key === "Escape") {
			byId("reset").click();
			search.blur();
		} else if (document.activeElement !== search && !event.ctrlKey && !event.metaKey) {
			if (event.key === "/") {
				event.preventDefault();
				search.focus();
			} else if (moves[event.key]) {
				moves[event.key]();
			}
		}
	});
	draw();
}

if (typeof document !== "undefined")
	main();
else
	module.exports = { layOut, time, ticks, findAll, colour };
