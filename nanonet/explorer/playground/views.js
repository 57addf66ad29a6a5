// What the network answers, and J step by step.

// The range of some numbers, with a margin.
function rangeOf(numbers, margin = 0.12) {
  let [low, high] = [Infinity, -Infinity];
  for (const each of numbers) [low, high] = [Math.min(low, each), Math.max(high, each)];
  const more = margin * (high - low || 1);
  return [low - more, high + more];
}

const GRID = 45;

// ŷ over the plane of two inputs, along one input, or beside y.
function drawAnswer(chart, run, parts, names) {
  const { network } = run.problem;
  const rows = parts.flatMap(({ x, y }, test) =>
    x.map((row, n) => ({ row, y: y[n], test: test === 1 })),
  );
  const yRange = rangeOf(
    rows.map(({ y }) => y),
    0.25,
  );
  const input = (k) => rangeOf(rows.map(({ row }) => row[k]));
  const answer = (row) => forward(network, run.point.θ, row);
  if (network.sizes[0] === 2)
    return drawSurface(chart, answer, rows, [input(0), input(1)], names);
  const alone = network.sizes[0] === 1;
  const x = alone ? input(0) : yRange;
  chart.begin({ x, y: yRange, labels: alone ? [names[0], "y and ŷ"] : ["y", "ŷ"] });
  chart.axes();
  for (const { row, y, test } of rows) {
    chart.dot(alone ? row[0] : y, alone ? y : answer(row), THEME.soft, {
      radius: 3,
      hollow: test,
    });
  }
  const across = Array.from({ length: 161 }, (_, k) => x[0] + (k / 160) * (x[1] - x[0]));
  const at = (k) => across[k];
  chart.line(
    across.length,
    at,
    alone ? (k) => answer([across[k]]) : at,
    alone ? colorOf(run.name) : THEME.soft,
    alone ? 2.5 : 1,
  );
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
    Object.assign(this, { low: 0, high: 0, last: 50, seen: new Map() });
  }

  draw(run, kept) {
    const exponent = (number) => Math.log10(Math.max(number, 1e-40));
    const drawn = [...kept, { name: run.name, entries: run.entries, own: true }];
    for (const { entries } of drawn) {
      for (let i = this.seen.get(entries) ?? 0; i < entries.length; i++) {
        const { value } = entries[i];
        if (!Number.isFinite(value)) continue;
        this.low = Math.min(this.low, Math.floor(exponent(value)));
        this.high = Math.max(this.high, Math.ceil(exponent(value)));
      }
      while (this.last < entries[entries.length - 1].step || this.last < run.last)
        this.last *= 2;
    }
    this.seen = new Map(drawn.map(({ entries }) => [entries, entries.length]));
    if (this.low === this.high) this.low -= 1;
    this.chart.begin({
      ...{ x: [0, this.last], y: [this.low, this.high], logarithmic: true },
      labels: ["steps", run.test ? "J; dashed: of the test" : ""],
    });
    this.chart.axes();
    for (const { name, label, entries, own } of drawn) {
      const color = colorOf(name);
      const [count, step] = [entries.length, (i) => entries[i].step];
      this.chart.line(
        count,
        step,
        (i) => exponent(entries[i].value),
        color,
        own ? 2 : 1.3,
        own ? [] : [2, 3],
      );
      const { step: last, value: end } = entries[entries.length - 1];
      if (label) this.chart.text(label, last, exponent(end), color);
      if (!own || !run.test) continue;
      this.chart.line(count, step, (i) => exponent(entries[i].test), color, 1.5, [5, 4]);
    }
    if (Number.isFinite(run.point.value)) {
      this.chart.dot(run.step, exponent(run.point.value), colorOf(run.name));
    }
  }
}
