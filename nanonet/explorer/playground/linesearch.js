// The search along a direction p for a length α that satisfies Wolfe's strong
// conditions, J(θ + αp) ≤ J + 10⁻⁴ α p·∇J and |p·∇J(θ + αp)| ≤ 0.9 |p·∇J|.
// Source: Nocedal & Wright, Numerical Optimization, algorithms 3.5 and 3.6; Hager &
// Zhang, 2006, for a fall that J's rounding hides.

const [ARMIJO, FLAT, MOST_TRIALS, MOST_IDLE] = [1e-4, 0.9, 30, 20];
const BEGUN = { α: 1, value: Number.MAX_VALUE, size: Number.MAX_VALUE, idle: 0 };

// What a rule prepares that goes along p: α, and whether it still gets anywhere. Where p
// leads up, or the last search found nothing, it goes down the gradient.
function searchAlong(problem, point, p, { line: last = BEGUN }) {
  const { θ, g, value: J } = point;
  const lost = last.α === 0 || !(dot(g, p) < 0) || last.idle >= MOST_IDLE - 2;
  const along = lost ? steepest(point) : p;
  const { best, trials } = search(problem, point, along);
  const size = largest(best.gradient);
  const rounding = roundingOf(point);
  const advanced = best.value < last.value - rounding || 2 * size < last.size;
  const idle = advanced ? 0 : last.idle + 1;
  const fell = best.α > 0 && along.some((each) => best.α * each !== 0);
  const α = fell ? best.α : 0;
  return {
    ...{ a: α, p: fell ? along : zeros(θ.length) },
    state: {
      line: {
        ...{ α, idle, value: advanced ? best.value : last.value },
        size: advanced ? size : last.size,
      },
      stalled: (lost && !fell) || idle >= MOST_IDLE,
    },
    facts: [
      ["J′ₚ", lost ? "p·∇J, p = down −∇J" : "p·∇J, the slope along p", dot(g, along)],
      ...trials.slice(0, 6).flatMap((trial, k) => trialFacts(trial, k + 1)),
      ["a", fell ? `of the trial taken, of ${trials.length}` : "0: no trial makes J fall", α],
    ],
  };
}

const roundingOf = ({ θ, g, value }) =>
  64 * EPSILON * (Math.abs(value) + θ.reduce((sum, each, i) => sum + Math.abs(each * g[i]), 0));

function trialFacts({ α, value, slope, falls, flat }, k) {
  const said = (holds) => (holds ? "holds" : "fails");
  return [
    [`α${k}`, k === 1 ? "the first that is tried" : "the next", α],
    [`J${k}`, `J(θ + α${k}·p); Armijo: ${said(falls)}`, value],
    ["", `p·∇J(θ + α${k}·p); Wolfe: ${said(flat)}`, slope],
  ];
}

// Down −∇J, to where J would be 0 if it were straight.
function steepest({ θ, g, value }) {
  const size = Math.max(largest(g), TINY);
  const u = g.map((each) => each / size);
  let length = Math.abs(value) / size / dot(u, u);
  length = length > 0 ? Math.min(length, Math.sqrt(Number.MAX_VALUE)) : Math.max(largest(θ), 1);
  return u.map((each) => -length * each);
}

// The bracket [low, high] narrows: low falls by enough, high does not, or J rises there.
function search(problem, { θ, g, value: J }, p) {
  const first = dot(g, p);
  const start = { α: 0, value: J, slope: first };
  let [low, high, third, bracketed] = [start, start, start, false];
  let best = { α: 0, value: Infinity, gradient: g };
  const trials = [];
  while (trials.length < MOST_TRIALS) {
    const begin = trials.length === 0;
    const α = bracketed ? between(low, high, third) : begin ? 1 : 2 * low.α;
    const now = tried(problem, { θ, value: J }, p, first, α);
    trials.push(now);
    const tooFar = !now.falls || (now.value >= low.value && !begin);
    const onward = bracketed ? high.α - low.α : 1;
    const turned = !tooFar && now.slope * onward >= 0;
    if (bracketed && (tooFar || turned)) third = high;
    else third = low;
    if (tooFar) high = now;
    else [low, high] = [now, turned ? low : high];
    bracketed ||= tooFar || turned;
    const better = (now.falls || now.value < J) && now.value < best.value;
    if ((now.wolfe || better) && now.moved) best = now;
    const narrow = Math.abs(high.α - low.α) <= 1e-5 * α;
    const spent = bracketed && (!now.moved || -α * first <= EPSILON * Math.abs(J));
    if (now.wolfe || (best.α > 0 ? narrow : spent)) break;
  }
  return { best, trials };
}

function tried(problem, { θ, value: J }, p, first, α) {
  const there = θ.map((each, i) => each + α * p[i]);
  const gradient = zeros(θ.length);
  const found = valueAndGradient(problem, there, gradient);
  const finite = Number.isFinite(found) && gradient.every(Number.isFinite);
  const value = finite ? found : Infinity;
  const slope = dot(gradient, p);
  const seen = value <= J + ARMIJO * (α * first);
  const unseen =
    value <= J + 64 * EPSILON * Math.abs(J) && slope <= (2 * ARMIJO - 1) * first;
  const falls = finite && (seen || unseen);
  const flat = Math.abs(slope) <= FLAT * Math.abs(first);
  const moved = there.some((each, i) => each !== θ[i]);
  return { α, value, slope, gradient, falls, flat, wolfe: falls && flat, moved };
}

// Where the cubic through three marks, or else the parabola through two, is least: a
// tenth of the way at the least; half of it where they are unknown, or too far.
function between(low, high, third) {
  const [b, c] = [high.α - low.α, third.α - low.α];
  const restB = high.value - low.value - low.slope * b;
  const restC = third.value - low.value - low.slope * c;
  const scale = 3 / (b ** 2 * c ** 2 * (b - c));
  const cube = scale * (c ** 2 * restB - b ** 2 * restC);
  const square = (scale / 3) * (b ** 3 * restC - c ** 3 * restB);
  const cubic = (Math.sqrt(square ** 2 - cube * low.slope) - square) / cube / b;
  const parabola = (-low.slope * b) / (2 * restB);
  let share = parabola > 0 && parabola < 0.9 ? Math.max(parabola, 0.1) : 0.5;
  if (Math.abs(cubic - 0.5) < 0.3) share = cubic;
  if (!Number.isFinite(high.value) && low.α === 0) share = 0.1;
  return low.α + b * share;
}
