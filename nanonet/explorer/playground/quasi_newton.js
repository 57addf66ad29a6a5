// The secant method and its heirs (page 10 of the notes): H learnt from s = Δθ and
// y = Δ∇J over the steps.

// s and y over the last step; null at the first, and where J has become another one.
function lastPair({ θ, g }, state) {
  if (!state.g) return null;
  return {
    s: θ.map((each, i) => each - state.θ[i]),
    y: g.map((each, i) => each - state.g[i]),
  };
}

const here = ({ θ, g }) => ({ θ: Float64Array.from(θ), g: Float64Array.from(g) });

const pairFacts = ({ s, y }) => [
  ["s·s", "s = Δθ", dot(s, s)],
  ["s·y", "y = Δ∇J", dot(s, y)],
  ["y·y", "", dot(y, y)],
];

// Gradient descent with 1/α the number that best stands for H along the last step.
function barzilaiBorwein(problem, point, state, { α, variant, safeguard }) {
  const pair = lastPair(point, state);
  let [a, how] = [α, "α, at the first step"];
  if (pair) {
    const [ss, sy, yy] = pairFacts(pair).map(([, , number]) => number);
    a = variant === "1" ? ss / sy : sy / yy;
    how = variant === "1" ? "s·s / s·y" : "s·y / y·y";
    if (safeguard && !(sy > 0)) [a, how] = [Math.sqrt(ss / yy), "‖s‖/‖y‖, as s·y ≤ 0"];
    if (!Number.isFinite(a) || a === 0) {
      [a, how] = [state.a, "the last a, as nothing moved"];
    }
  }
  return {
    a,
    state: { ...here(point), a },
    facts: [...(pair ? pairFacts(pair) : []), ["a", how, a]],
  };
}

const stepOfOne = (g) => g.map((each) => -each / Math.max(norm(g), 1));

// p = −B∇J, with B changed as little as makes B y = s, which H⁻¹ does where J is
// quadratic. Source: Nocedal & Wright, Numerical Optimization, algorithm 6.1.
function bfgs(problem, point, state) {
  const { g } = point;
  const pair = lastPair(point, state);
  const stuck = pair ? pair.s.every((each) => each === 0) : !state.B;
  let [B, pairs] = stuck ? [diagonal(zeros(g.length).fill(1)), 0] : [state.B, state.pairs];
  if (pair) {
    const { s, y } = pair;
    const least = Math.sqrt(EPSILON) * norm(s) * norm(y);
    if (dot(s, y) > least) [B, pairs] = [learnt(B, pair, pairs), pairs + 1];
  }
  const p = pairs ? times(B, g).map((each) => -each) : stepOfOne(g);
  const found = searchAlong(problem, point, p, state);
  return {
    ...found,
    state: { ...found.state, ...here(point), B, pairs },
    facts: [
      ...(pair ? pairFacts(pair) : []),
      ["pairs", "that B, for H⁻¹, has learnt", pairs],
      ...found.facts,
    ],
  };
}

function learnt(B, { s, y }, pairs) {
  const sy = dot(s, y);
  const scale = pairs ? 1 : sy / dot(y, y);
  const ρ = 1 / sy;
  const By = times(B, y).map((each) => scale * each);
  const own = ρ * (1 + ρ * dot(y, By));
  return B.map((row, i) =>
    row.map((each, j) => scale * each - ρ * (s[i] * By[j] + By[i] * s[j]) + own * s[i] * s[j]),
  );
}

const MEMORY = 10; // pairs

// The same of the last pairs alone, without a matrix: algorithms 7.4 and 7.5.
function lbfgs(problem, point, state) {
  const { g } = point;
  const pair = lastPair(point, state);
  const stuck = pair !== null && pair.s.every((each) => each === 0);
  let pairs = stuck ? [] : (state.pairs ?? []);
  if (pair && !stuck) {
    const sy = dot(pair.s, pair.y);
    pairs = [...pairs.slice(1 - MEMORY), { ...pair, ρ: sy === 0 ? 0 : 1 / sy }];
  }
  const p = pairs.length ? twoLoops(pairs, g) : stepOfOne(g);
  const found = searchAlong(problem, point, p, state);
  return {
    ...found,
    state: { ...found.state, ...here(point), pairs },
    facts: [
      ...(pair ? pairFacts(pair) : []),
      ["pairs", `of s and y, ${MEMORY} at the most`, pairs.length],
      ...found.facts,
    ],
  };
}

function twoLoops(pairs, g) {
  const { s: newest, y: last } = pairs[pairs.length - 1];
  const yy = dot(last, last);
  let q = g;
  const factors = [];
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, ρ } = pairs[k];
    const factor = (factors[k] = ρ * dot(s, q));
    q = q.map((each, i) => each - factor * y[i]);
  }
  const γ = yy > 0 ? dot(newest, last) / yy : 1;
  q = q.map((each) => γ * each);
  pairs.forEach(({ s, y, ρ }, k) => {
    const factor = factors[k] - ρ * dot(y, q);
    q = q.map((each, i) => each + factor * s[i]);
  });
  return q.map((each) => -each);
}
