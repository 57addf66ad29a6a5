// A run that goes forth and back. Some of its points are kept; those between follow
// from them, number by number, because the same numbers lead to the same numbers.

// Points that are kept at the most, and numbers in all of them.
const [KEPT, NUMBERS] = [4096, 2 ** 25];

const isVector = (each) => each instanceof Float64Array;
const countOf = (each) =>
  isVector(each) ? each.length : each instanceof Object ? sumOf(Object.values(each)) : 1;
const sumOf = (parts) => parts.reduce((sum, each) => sum + countOf(each), 0);
const copied = (state) =>
  Object.fromEntries(
    Object.entries(state).map(([k, v]) => [k, isVector(v) ? v.slice() : v]),
  );

class Run {
  // problem: network, loss, x, y; test: the same of other examples, or null.
  constructor(problem, test, rule, options, θ) {
    Object.assign(this, { problem, test, rule: RULES[rule], name: rule, every: 1 });
    this.compiled = compile(this.rule, options);
    this.changes = [{ step: 0, options: { ...options } }];
    this.point = { θ: θ.slice(), g: zeros(θ.length), value: 0 };
    this.state = begin(this.rule, this.compiled, options, θ.length);
    [this.step, this.last, this.entries] = [0, 0, []];
    this._evaluate();
    this._keep();
  }

  // What the sliders said when the step from here was, or is to be, taken.
  get options() {
    return this._since().options;
  }

  // Other numbers from here on; whatever came after this point is forgotten.
  change(options) {
    this.changes = this.changes.filter(({ step }) => step < this.step);
    this.changes.push({ step: this.step, options: { ...options } });
    this.entries = this.entries.filter(({ step }) => step <= this.step);
    this.last = this.step;
    this._evaluate();
  }

  // To any step, unless the run ends before it.
  goTo(step) {
    if (step < this.step) this._restore(step);
    while (this.step < step && !this.ended) this.forth();
  }

  forth() {
    if (this.ended) return;
    const { options } = this._since();
    update(this.rule, this.compiled, options, this.problem, this.point, this.state);
    this.step += 1;
    this._evaluate();
    this.last = Math.max(this.last, this.step);
    const newest = this.entries[this.entries.length - 1].step;
    if (this.step > newest && (this.step % this.every === 0 || this.ended)) this._keep();
  }

  // What the step from here will be: the rule's numbers, before and after it.
  next() {
    const point = { ...this.point, θ: this.point.θ.slice() };
    const [before, state] = [this.state, copied(this.state)];
    const options = this.options;
    const prepared = update(this.rule, this.compiled, options, this.problem, point, state);
    return { before, after: state, θ: point.θ, prepared, options };
  }

  get norm() {
    return norm(this.point.g);
  }

  _since() {
    let at = this.changes.length - 1;
    while (at > 0 && this.changes[at].step > this.step) at--;
    return this.changes[at];
  }

  _evaluate() {
    const { point, problem, state } = this;
    problem.l2 = this.options.l2;
    point.value = valueAndGradient(problem, point.θ, point.g);
    const stalled = state.stalled && state.l2 === problem.l2;
    const finite = Number.isFinite(point.value) && Number.isFinite(this.norm);
    this.ended = finite ? (stalled ? "stalled" : null) : "not finite";
  }

  _keep() {
    const { step, point, state, test } = this;
    const θ = point.θ.slice();
    this.entries.push({
      ...{ step, θ, state: copied(state), value: point.value },
      test: test ? value(test, point.θ) : NaN,
    });
    const most = Math.max(Math.min(KEPT, NUMBERS / (countOf(state) + θ.length)), 16);
    if (this.entries.length <= most) return;
    this.every *= 2;
    this.entries = this.entries.filter(({ step }) => step % this.every === 0);
  }

  _restore(step) {
    let at = this.entries.length - 1;
    while (this.entries[at].step > step) at--;
    const entry = this.entries[at];
    this.step = entry.step;
    this.point.θ = entry.θ.slice();
    this.state = copied(entry.state);
    this._evaluate();
    while (this.step < step) this.forth();
  }
}
