// What is seen of a run: the network, what it answers, J, and J over two parameters.

const SVG = "http://www.w3.org/2000/svg";
const FEW_WEIGHTS = 6;
const FEW_UNITS = 4;

// The network as circles and lines: weights as width and color, activations inside.
class Diagram {
  constructor(svg, pick) {
    Object.assign(this, { svg, pick });
  }

  build(network, names) {
    const { sizes } = network;
    const [width, height] = [540, Math.max(300, 56 * Math.max(...sizes))];
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    const across = (l) => 45 + (l * (width - 100)) / (sizes.length - 1);
    const down = (l, i) => ((i + 0.5) / sizes[l]) * height;
    Object.assign(this, { network, names, edges: [], units: [], biases: [] });
    this.notes = names === NOTES;
    network.layers.forEach(({ rows, columns, w }, l) => {
      const labelled = rows * columns <= FEW_WEIGHTS;
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const ends = [across(l), down(l, i), across(l + 1), down(l + 1, j)];
          this._edge(w + i * columns + j, ends, labelled);
        }
      }
    });
    const units = unitNames(sizes);
    sizes.forEach((count, l) => {
      for (let i = 0; i < count; i++) this._unit(l, i, across(l), down(l, i), units[l][i]);
    });
    this.svg.append(...this.edges.flatMap(({ label }) => (label ? [label] : [])));
  }

  _make(tag, attributes, text = "") {
    const made = document.createElementNS(SVG, tag);
    for (const [name, each] of Object.entries(attributes)) made.setAttribute(name, each);
    made.textContent = text;
    this.svg.append(made);
    return made;
  }

  _edge(index, [x1, y1, x2, y2], labelled) {
    const line = this._make("line", { x1, y1, x2, y2, "stroke-linecap": "round" });
    const hit = this._make("line", { x1, y1, x2, y2, class: "hit" });
    hit.addEventListener("click", () => this.pick(index));
    const at = { x: x1 + 0.3 * (x2 - x1), y: y1 + 0.3 * (y2 - y1) + 4 };
    const label = labelled && this._make("text", { ...at, class: "on", "text-anchor": "middle" });
    if (label) label.style.pointerEvents = "none";
    this.edges.push({ index, line, label });
  }

  _unit(l, i, x, y, name) {
    const radius = this.network.sizes[l] > 8 ? 20 : 25;
    this._make("circle", { cx: x, cy: y, r: radius });
    const size = { "text-anchor": "middle", x };
    this._make("text", { ...size, y: y - 4 }, name);
    const number = this._make("text", { ...size, y: y + 12, class: "number" });
    this.units.push({ l, i, number });
    if (l === 0) return;
    const { b } = this.network.layers[l - 1];
    const few = this.network.sizes[l] <= FEW_UNITS;
    const label = this._make("text", { x, y: y + radius + 14, "text-anchor": "middle", class: "on bias" });
    label.addEventListener("click", () => this.pick(b + i));
    this.biases.push({ index: b + i, label, few });
  }

  update(θ, x, y, chosen) {
    const ŷ = forward(this.network, θ, x);
    for (const { index, line, label } of this.edges) {
      const weight = θ[index];
      line.setAttribute("stroke", weight < 0 ? THEME.zero : THEME.one);
      line.setAttribute("stroke-width", 0.7 + 7 * Math.tanh(Math.abs(weight) / 6) || 0.7);
      line.setAttribute("stroke-dasharray", index === chosen ? "6 4" : "none");
      if (label) this._label(label, index, θ, chosen);
    }
    for (const { index, label, few } of this.biases) {
      if (few) this._label(label, index, θ, chosen);
      else label.textContent = index === chosen ? this.names[index] : "";
    }
    for (const { l, i, number } of this.units) {
      number.textContent = short3(l ? this.network.layers[l - 1].a[i] : x[i]);
    }
    return ŷ;
  }

  _label(label, index, θ, chosen) {
    const name = this.notes || index === chosen ? `${this.names[index]} = ` : "";
    label.textContent = name + short3(θ[index]);
    label.classList.toggle("chosen", index === chosen);
  }
}

const short3 = (number) => {
  const huge = Math.abs(number) >= 1e5 && Number.isFinite(number);
  return (huge ? number.toExponential(1) : written(number, 3)).replace("-", "−");
};

// The range of some numbers, with a margin.
function rangeOf(numbers, margin = 0.12) {
  let [low, high] = [Infinity, -Infinity];
  for (const each of numbers) [low, high] = [Math.min(low, each), Math.max(high, each)];
  const more = margin * (high - low || 1);
  return [low - more, high + more];
}

const GRID = 56;

// ŷ over the plane of two inputs, along one input, or beside y.
function drawAnswer(chart, run, parts, names) {
  const { network } = run.problem;
  const rows = parts.flatMap(({ x, y }, test) =>
    x.map((row, n) => ({ row, y: y[n], test: test === 1 })),
  );
  const yRange = rangeOf(rows.map(({ y }) => y), 0.25);
  const input = (k) => rangeOf(rows.map(({ row }) => row[k]));
  const answer = (row) => forward(network, run.point.θ, row);
  if (network.sizes[0] === 2) return drawSurface(chart, answer, rows, [input(0), input(1)], names);
  const alone = network.sizes[0] === 1;
  const x = alone ? input(0) : yRange;
  chart.begin({ x, y: yRange, labels: alone ? [names[0], "y and ŷ"] : ["y", "ŷ"] });
  chart.axes();
  for (const { row, y, test } of rows) {
    chart.dot(alone ? row[0] : y, alone ? y : answer(row), THEME.soft, { radius: 3, hollow: test });
  }
  const across = Array.from({ length: 161 }, (_, k) => x[0] + (k / 160) * (x[1] - x[0]));
  const at = (k) => across[k];
  chart.line(across.length, at, alone ? (k) => answer([across[k]]) : at, alone ? colorOf(run.name) : THEME.soft, alone ? 2.5 : 1);
}

function drawSurface(chart, answer, rows, [x, y], names) {
  const numbers = rows.map((row) => row.y);
  const [low, high] = rangeOf(numbers, 0);
  const classes = numbers.every((each) => each === 0 || each === 1);
  chart.begin({ x, y, labels: names });
  const point = (range, k) => range[0] + (k / (GRID - 1)) * (range[1] - range[0]);
  const grid = Array.from({ length: GRID }, (_, i) =>
    Float64Array.from({ length: GRID }, (_, j) => answer([point(x, j), point(y, i)])),
  );
  chart.shade(grid, [low, high], THEME.answers);
  if (classes) chart.contour(grid, 0.5, THEME.ink, 1.5);
  chart.axes();
  for (const { row, y: target, test } of rows) {
    const color = 2 * target > low + high ? THEME.one : THEME.zero;
    chart.dot(row[0], row[1], color, { hollow: test, square: 2 * target > low + high });
  }
}

// J of the run, of the test, and of runs that were kept; the decades only ever widen.
class Losses {
  constructor(canvas, resized) {
    this.chart = new Chart(canvas, resized);
    this.reset();
  }

  reset() {
    Object.assign(this, { low: 0, high: 0, last: 50 });
  }

  draw(run, kept) {
    const exponent = (number) => Math.log10(Math.max(number, 1e-40));
    const drawn = [...kept, { name: run.name, entries: run.entries, own: true }];
    for (const { entries } of drawn) {
      for (const entry of entries) {
        if (!Number.isFinite(entry.value)) continue;
        this.low = Math.min(this.low, Math.floor(exponent(entry.value)));
        this.high = Math.max(this.high, Math.ceil(exponent(entry.value)));
      }
      while (this.last < entries[entries.length - 1].step || this.last < run.last) this.last *= 2;
    }
    if (this.low === this.high) this.low -= 1;
    this.chart.begin({
      ...{ x: [0, this.last], y: [this.low, this.high], logarithmic: true },
      labels: ["steps", run.test ? "J; dashed: of the test" : ""],
    });
    this.chart.axes();
    for (const { name, entries, own } of drawn) {
      const color = own ? colorOf(name) : THEME.soft;
      const [count, step] = [entries.length, (i) => entries[i].step];
      this.chart.line(count, step, (i) => exponent(entries[i].value), color, own ? 2 : 1.2);
      if (!own || !run.test) continue;
      this.chart.line(count, step, (i) => exponent(entries[i].test), color, 1.5, [5, 4]);
    }
    if (Number.isFinite(run.point.value)) {
      this.chart.dot(run.step, exponent(run.point.value), colorOf(run.name));
    }
  }
}

const MAP = 48;
const MILLISECONDS = 3;
const FARTHEST = 60; // from the start: what diverges is not followed

// J over two parameters, computed a few rows at a time, and the path.
class Landscape {
  constructor(canvas, resized) {
    this.chart = new Chart(canvas, resized);
    this.reset();
  }

  reset() {
    Object.assign(this, { range: null, shown: null, coming: null, stale: true });
  }

  // Whether there is more to compute; a few milliseconds of it.
  advance(run, plane) {
    this._widen(run, plane);
    if (!this.coming && this.stale) {
      this.coming = this._rows(run, plane);
      this.stale = false;
    }
    const until = performance.now() + MILLISECONDS;
    while (this.coming && performance.now() < until) {
      const { done, value: shown } = this.coming.next();
      if (done) [this.shown, this.coming] = [shown, null];
    }
    return this.coming !== null;
  }

  // Around the start; wider, by a quarter, only where the path leaves it.
  _widen(run, plane) {
    const start = run.entries[0].θ;
    this.range ??= plane.map((k) => [start[k] - 5, start[k] + 5]);
    plane.forEach((k, axis) => {
      let [low, high] = this.range[axis];
      const at = run.point.θ[k];
      const margin = (high - low) / 20;
      if (!(Math.abs(at - start[k]) < FARTHEST)) return;
      while (at < low + margin) low -= (high - low) / 4;
      while (at > high - margin) high += (high - low) / 4;
      if (low === this.range[axis][0] && high === this.range[axis][1]) return;
      this.range = this.range.with(axis, [low, high]);
    });
  }

  *_rows(run, plane) {
    const θ = run.point.θ.slice();
    const range = this.range;
    const at = ([low, high], k) => low + (k / (MAP - 1)) * (high - low);
    const grid = [];
    for (let i = 0; i < MAP; i++) {
      θ[plane[1]] = at(range[1], i);
      grid.push(
        Float64Array.from({ length: MAP }, (_, j) => {
          θ[plane[0]] = at(range[0], j);
          return Math.log10(value(run.problem, θ));
        }),
      );
      yield null;
    }
    return { grid, range };
  }

  draw(run, plane, names, kept) {
    if (!this.shown) return;
    const { grid, range } = this.shown;
    this.chart.begin({ x: range[0], y: range[1], labels: plane.map((k) => names[k]) });
    const finite = grid.flatMap((row) => Array.from(row)).filter(Number.isFinite);
    const [low, high] = rangeOf(finite, 0);
    this.chart.shade(grid, [low, high], THEME.heights);
    // At fixed decades, halves, quarters, …, so that lines move only as J does.
    const apart = [1, 2, 4, 8, 16, 32].find((each) => each * (high - low) > 8) ?? 32;
    for (let k = Math.ceil(low * apart); k <= high * apart; k++) {
      this.chart.contour(grid, k / apart, THEME.soft, k % apart ? 0.6 : 1.2);
    }
    this.chart.axes();
    const [across, up] = plane;
    for (const { entries } of kept) {
      this.chart.line(entries.length, (i) => entries[i].θ[across], (i) => entries[i].θ[up], THEME.soft, 1.2);
    }
    const past = run.entries.filter(({ step }) => step <= run.step).map(({ θ }) => θ);
    const path = [...past, run.point.θ];
    this.chart.line(path.length, (i) => path[i][across], (i) => path[i][up], colorOf(run.name));
    this.chart.inside(() => {
      this.chart.dot(path[0][across], path[0][up], THEME.ink, { hollow: true });
      this.chart.dot(run.point.θ[across], run.point.θ[up], colorOf(run.name), { radius: 5 });
    });
  }
}
