// SPDX-License-Identifier: BSD-2-Clause
// Draws the tree that the page carries: click zooms, Esc goes back, / searches.
"use strict";

/* The tree from its arrays (nodes before their children): parents, and what lies before each node. */
function readTree(data) {
	const count = data.depth.length, parent = new Int32Array(count), start = new Float64Array(count);
	const path = [], filled = [];
	let deepest = 0;
	for (let i = 0; i < count; i++) {
		const depth = data.depth[i];
		path.length = depth;
		parent[i] = depth ? path[depth - 1] : -1;
		path.push(i);
		filled.length = depth + 1;
		start[i] = filled[depth] || 0;
		filled[depth] = start[i] + Math.max(data.cum[i], 0);
		filled.push(start[i]);
		deepest = Math.max(deepest, depth);
	}
	return { ...data, parent, start, count, deepest };
}

/* Which nodes have a name in which the pattern is found, and what all of them are together: a node
 * below another match is in that one's sum already. */
function findAll(tree, pattern) {
	const hit = tree.names.map(([name]) => pattern.test(name));
	const under = new Uint8Array(tree.count), matches = new Uint8Array(tree.count);
	let sum = 0;
	for (let i = 0; i < tree.count; i++) {
		const above = tree.parent[i] >= 0 && under[tree.parent[i]];
		matches[i] = hit[tree.name[i]] ? 1 : 0;
		under[i] = above || matches[i] ? 1 : 0;
		if (matches[i] && !above)
			sum += tree.cum[i];
	}
	return { matches, sum };
}

/* The nodes on the way from the root to one. */
function ancestors(tree, node) {
	const found = new Set();
	for (let i = node; i >= 0; i = tree.parent[i])
		found.add(i);
	return found;
}

function amount(value, unit) {
	const times = { nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
	let steps = [[1, ""]];
	if (unit in times) {
		value *= times[unit];
		steps = [[1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]];
	} else if (unit === "bytes") {
		steps = [[2 ** 40, "TB"], [2 ** 30, "GB"], [2 ** 20, "MB"], [1024, "kB"], [1, "B"]];
	}
	const [size, name] = steps.find(([s]) => Math.abs(value) >= s) || [1, ""];
	return (size === 1 ? value.toFixed(0) : (value / size).toFixed(2).replace(/\.?0+$/, "")) + name;
}

function main() {
	const byId = (id) => document.getElementById(id);
	const tree = readTree(JSON.parse(byId("profile").textContent));
	const total = tree.cum[0] || 1, canvas = byId("graph"), pen = canvas.getContext("2d");
	const row = 18, search = byId("search");
	let zoomed = 0, found = null, drawn = [], under = -1;

	const percent = (value) => (100 * value / total).toFixed(1) + "%";
	const describe = (i) => tree.names[tree.name[i]][0] + ": " + amount(tree.cum[i], tree.unit) + ", " +
		percent(tree.cum[i]) + (tree.flat[i] ? " (itself " + amount(tree.flat[i], tree.unit) + ")" : "");

	function draw() {
		const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
		const above = ancestors(tree, zoomed), first = tree.start[zoomed], whole = tree.cum[zoomed] || 1;
		const height = row * (tree.deepest + 1);
		canvas.style.height = height + "px";
		canvas.width = width * ratio;
		canvas.height = height * ratio;
		pen.scale(ratio, ratio);
		pen.font = "12px ui-monospace, Menlo, Consolas, monospace";
		const letter = pen.measureText("m").width;
		drawn = [];
		for (let i = 0; i < tree.count; i++) {
			let x = (tree.start[i] - first) / whole * width, w = tree.cum[i] / whole * width;
			if (above.has(i)) {
				x = 0;
				w = width;
			} else if (x < -1e-9 || x >= width - 1e-9 || w < 0.3) {
				continue;
			}
			const y = row * tree.depth[i], [name, colour] = tree.names[tree.name[i]];
			drawn.push([x, y, w, i]);
			pen.globalAlpha = above.has(i) && i !== zoomed ? 0.55 : found && !found.matches[i] ? 0.35 : 1;
			pen.fillStyle = found && found.matches[i] ? "hsl(300 75% 70%)" : colour;
			pen.fillRect(x, y, Math.max(w - 0.6, 0.3), row - 1);
			if (i === under) {
				pen.strokeStyle = "#000";
				pen.strokeRect(x + 0.5, y + 0.5, Math.max(w - 1.6, 0.3), row - 2);
			}
			pen.globalAlpha = 1;
			const room = Math.floor((w - 6) / letter);
			if (room >= 2) {
				pen.fillStyle = "#111";
				pen.fillText(name.length <= room ? name : name.slice(0, room - 1) + "\u2026", x + 3, y + 13);
			}
		}
	}

	function at(event) {
		const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
		const hit = drawn.find((d) => x >= d[0] && x < d[0] + d[2] && y >= d[1] && y < d[1] + row);
		return hit ? hit[3] : -1;
	}

	function tell(i) {
		if (i === under)
			return;
		under = i;
		byId("told").textContent = i < 0 ? "\u00a0" : describe(i);
		canvas.title = i < 0 ? "" : describe(i);
		draw();
	}

	function zoom(i) {
		zoomed = i;
		draw();
	}

	function look() {
		found = null;
		search.classList.remove("bad");
		byId("found").textContent = "";
		if (search.value) {
			try {
				found = findAll(tree, new RegExp(search.value));
				byId("found").textContent = "found: " + amount(found.sum, tree.unit) + ", " + percent(found.sum);
			} catch {
				search.classList.add("bad");
			}
		}
		draw();
	}

	canvas.addEventListener("mousemove", (event) => tell(at(event)));
	canvas.addEventListener("mouseleave", () => tell(-1));
	canvas.addEventListener("click", (event) => {
		const i = at(event);
		if (i >= 0)
			zoom(i);
	});
	search.addEventListener("input", look);
	byId("reset").addEventListener("click", () => {
		search.value = "";
		look();
		zoom(0);
	});
	window.addEventListener("resize", draw);
	window.addEventListener("keydown", (event) => {
		if (event.key === "/" && document.activeElement !== search) {
			event.preventDefault();
			search.focus();
		} else if (event.key === "Escape") {
			byId("reset").click();
			search.blur();
		}
	});
	const kinds = new Map(tree.names.filter(([, , kind]) => kind !== "all").map(([, colour, kind]) => [kind, colour]));
	for (const [kind, colour] of kinds) {
		const mark = document.createElement("span");
		mark.textContent = kind;
		mark.style.background = colour;
		byId("key").append(mark);
	}
	draw();
}

if (typeof document !== "undefined")
	main();
else
	module.exports = { readTree, findAll, ancestors, amount };
