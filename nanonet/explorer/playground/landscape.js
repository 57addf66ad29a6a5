// J over two parameters, and the path.

// Milliseconds of a frame, while steps are taken and else; from one map to the next; and
// that a map may take in all.
const [MOVING, RESTING, APART, WHOLE] = [3, 12, 100, 150];
const FARTHEST = 60; // from the start: what diverges is not followed

// J over two parameters, computed a few rows at a time, and the path.
class Landscape {
  constructor(canvas, resized) {
    this.chart = new Chart(canvas, resized);
    this.reset();
  }

  reset() {
    Object.assign(this, { range: null, shown: null, coming: null, stale: true, begun: 0 });
  }

  // Compute a little more, if there is more to compute.
  advance(run, plane, moving) {
    const now = performance.now();
    this._widen(run, plane);
    if (!this.coming && this.stale && now > this.begun + APART) {
      this.coming = this._rows(run, plane);
      [this.stale, this.begun] = [false, now];
    }
    while (this.coming && performance.now() < now + (moving ? MOVING : RESTING)) {
      const { done, value: shown } = this.coming.next();
      if (done) [this.shown, this.coming] = [shown, null];
    }
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

  // How many points a side may have, by the time that a J takes.
  _points({ problem }, θ) {
    const begun = performance.now();
    for (let k = 0; k < 10; k++) value(problem, θ);
    const each = (performance.now() - begun) / 10;
    return Math.round(Math.min(Math.max(Math.sqrt(WHOLE / each), 20), 48));
  }

  *_rows(run, plane) {
    const θ = run.point.θ.slice();
    const range = this.range;
    const n = this._points(run, θ);
    const at = ([low, high], k) => low + (k / (n - 1)) * (high - low);
    const grid = [];
    for (let i = 0; i < n; i++) {
      θ[plane[1]] = at(range[1], i);
      grid.push(
        Float64Array.from({ length: n }, (_, j) => {
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
    const made = [this.shown, THEME.paper, ...this.chart.size];
    if (made.every((each, i) => each === this.made?.[i])) this.chart.restore();
    else this._drawMap(plane, names);
    this.made = made;
    const [across, up] = plane;
    for (const { name, entries } of kept) {
      const at = (axis) => (i) => entries[i].θ[axis];
      this.chart.line(entries.length, at(across), at(up), colorOf(name), 1.3, [2, 3]);
    }
    const { entries, point } = run;
    let past = entries.length;
    while (entries[past - 1].step > run.step) past--;
    const at = (axis) => (i) => (i < past ? entries[i] : point).θ[axis];
    this.chart.line(past + 1, at(across), at(up), colorOf(run.name));
    this.chart.inside(() => {
      this.chart.dot(at(across)(0), at(up)(0), THEME.ink, { hollow: true });
      this.chart.dot(run.point.θ[across], run.point.θ[up], colorOf(run.name), {
        radius: 5,
      });
    });
  }

  _drawMap(plane, names) {
    const { grid, range } = this.shown;
    this.chart.begin({ x: range[0], y: range[1], labels: plane.map((k) => names[k]) });
    const finite = Float64Array.from(
      grid.flatMap((row) => Array.from(row).filter(Number.isFinite)),
    );
    const [low, high] = rangeOf(finite, 0);
    this.chart.shade(grid, [low, high], THEME.heights);
    // At fixed decades, halves, quarters, …, so that lines move only as J does.
    finite.sort();
    const most =
      finite[Math.floor(0.95 * finite.length)] - finite[Math.floor(0.05 * finite.length)];
    const apart = 2 ** Math.min(Math.max(Math.ceil(Math.log2(6 / most)), 0), 9);
    for (let k = Math.ceil(low * apart); k <= high * apart; k++) {
      this.chart.contour(grid, k / apart, THEME.soft, k % apart ? 0.6 : 1.2);
    }
    this.chart.axes();
    this.chart.save();
  }
}
