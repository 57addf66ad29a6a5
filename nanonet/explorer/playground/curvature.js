// Newton's method and Levenberg–Marquardt (pages 8 and 9 of the notes): steps p that
// need more than the gradient, tried, and measured by how well J was predicted.

const NEVER = { rejected: false, hidden: false, length: Infinity, unseen: 0 };

// p = H⁻¹∇J, as in the notes: to a minimum, a maximum or a saddle.
function inverseHessian(problem, { θ, g }) {
  return { p: solve(hessian(problem, θ), g), facts: [] };
}

// p minimizes ∇J·p + ½ p·Hp among the steps no longer than Δ.
// Source: Nocedal & Wright, Numerical Optimization, algorithms 4.1 and 4.3.
function trustRegion(problem, point, state, options) {
  const radius = state.Δ ?? options.Δ;
  const H = hessian(problem, point.θ);
  const finite = H.every((row) => row.every(Number.isFinite));
  const model = finite ? H : H.map((row, i) => row.map((_, j) => Number(i === j)));
  const { p, σ, predicted, inside, least } = regionStep(model, point.g, radius);
  const length = norm(p);
  const trial = attempt(problem, point, p, length, predicted, inside, state.course);
  const { taken, gain, unseen } = trial;
  let next = radius;
  if (taken ? gain > 0.75 && !inside : unseen) next = 2 * radius;
  if (!unseen && (!taken || gain < 0.25)) next = length / 4;
  return {
    p: taken ? p : zeros(p.length),
    state: { Δ: next, course: trial.course, stalled: trial.stalled },
    facts: [
      ["λ1", "least eigenvalue of H", least],
      ["Δ", "radius", radius],
      ["σ", inside ? "0: p = −H⁻¹∇J" : "least that makes ‖p‖ ≤ Δ", inside ? 0 : σ],
      ["‖p‖", "‖(H + σI)⁻¹∇J‖", length],
      ...told(trial, predicted),
      ["Δ new", next > radius ? "2Δ" : next < radius ? "‖p‖/4" : "Δ", next],
    ],
  };
}

function told({ fall, gain, hidden, taken }, predicted) {
  const words = hidden ? "1: both are below J's rounding" : "fall/predicted";
  return [
    ["predicted", "fall of J", predicted],
    ["fall", "J(θ) − J(θ + p)", fall],
    ["ρ", `${words}; ${taken ? "> 0: go" : "≤ 0: stay"}`, gain],
  ];
}

function regionStep(H, g, radius) {
  const { values, vectors } = eigen(H);
  const a = times(vectors, g);
  const floor = Math.max(0, -values[0]);
  const step = (σ) =>
    a.map((each, i) => (each === 0 ? 0 : -each / (values[i] + σ || TINY)));
  const inside = values[0] > 0 && norm(step(floor)) <= radius;
  let [low, high] = [floor, floor + (Math.sqrt(a.length) * largest(a)) / radius];
  for (let bit = 0; bit < 52; bit++) {
    const middle = (low + high) / 2;
    if (norm(step(middle)) > radius) low = middle;
    else high = middle;
  }
  const p = step(inside ? 0 : high);
  // Down a direction of negative curvature J falls however small its slope.
  if (values[0] < -H.length * EPSILON * largest(values)) {
    const rest = Math.max(radius ** 2 - dot(p.subarray(1), p.subarray(1)), 0);
    p[0] = a[0] > 0 ? -Math.sqrt(rest) : Math.sqrt(rest);
  }
  const bent = p.map((each, i) => each * values[i]);
  const predicted = -(dot(a, p) + dot(p, bent) / 2);
  const back = p.map((_, k) =>
    dot(
      p,
      vectors.map((vector) => vector[k]),
    ),
  );
  return { p: back, σ: high, predicted, inside, least: values[0] };
}

// (AᵀA + μM²I) p = −Aᵀr, with Nielsen's damping μ.
function levenbergMarquardt(problem, point, state, { μ: first, geodesic }) {
  const { θ, g } = point;
  const [μ, ν] = [state.μ ?? first, state.ν ?? 2];
  const { A } = residuals(problem, θ);
  const course = state.course ?? NEVER;
  const matrixOf = normalMatrix(A);
  const squares = matrixOf.map((row, i) => row[i]);
  const most = largest(squares);
  const scale = Math.max(state.scale ?? 0, most);
  const least = EPSILON * (scale === 0 ? 1 : most / scale);
  // In each parameter's own units, and hardly damped: Gauss and Newton's own step.
  const own = course.hidden && μ <= least;
  const damp = squares.map((square) => μ * ((own && square > 0 ? square : scale) || 1));
  matrixOf.forEach((row, i) => (row[i] += damp[i]));
  const L = cholesky(matrixOf);
  let p = choleskySolve(L, g).map((each) => -each);
  const predicted = p.reduce((sum, each, i) => sum + (damp[i] * each - g[i]) * each, 0) / 2;
  if (geodesic && predicted > Math.sqrt(EPSILON) * point.value) {
    const half = halfBend(problem, θ, A, L, p);
    // As they are, and in units of the residuals.
    const scaled = (step) => step.map((each, i) => each * Math.sqrt(squares[i]));
    const short = (bent, straight) => 8 * norm(bent) <= 3 * norm(straight);
    if (short(half, p) && short(scaled(half), scaled(p))) p = p.map((each, i) => each + half[i]);
  }
  const trial = attempt(problem, point, p, norm(p), predicted, own, course);
  const { taken, gain, unseen } = trial;
  let next = taken ? μ * Math.max(1 / 10, 1 - (2 * gain - 1) ** 3) : μ * ν;
  if (unseen) next = Math.min(μ, least);
  const possible = Number.isFinite(next) && (most > 0 || g.every((each) => each === 0));
  return {
    p: taken ? p : zeros(p.length),
    state: {
      ...{ μ: next, scale, course: trial.course },
      ν: trial.course.rejected ? 2 * ν : 2,
      stalled: trial.stalled || !possible,
    },
    facts: [
      ["μ", "damping", μ],
      ["M²", "largest of diag AᵀA so far", scale],
      ["‖p‖", "‖(AᵀA + μM²I)⁻¹Aᵀr‖", norm(p)],
      ...told(trial, predicted),
      ["μ new", taken ? "μ·max(⅒, 1 − (2ρ − 1)³)" : `μ·ν, ν = ${ν}`, next],
    ],
  };
}

function normalMatrix(A) {
  const n = A[0].length;
  const product = matrix(n, n);
  for (const row of A) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) product[i][j] += row[i] * row[j];
    }
  }
  return product;
}

// ½a with (AᵀA + μM²I) a = −Aᵀ r″(p, p): the step bends with a curved valley.
function halfBend(problem, θ, A, L, p) {
  const bend = residualsBend(problem, θ, p);
  const slope = p.map((_, i) => bend.reduce((sum, each, n) => sum + A[n][i] * each, 0));
  return choleskySolve(L, slope).map((each) => -each / 2);
}

// Whether J falls where the step p leads, and whether the rule still gets anywhere; as
// nanonet's trial, which see.
function attempt(problem, { θ, g, value: J }, p, length, predicted, own, before) {
  const course = before ?? NEVER;
  const there = θ.map((each, i) => each + p[i]);
  const slope = zeros(θ.length);
  const fall = J - valueAndGradient(problem, there, slope);
  const rounding = 64 * EPSILON * Math.abs(J);
  const hidden = Math.abs(predicted) <= rounding && Math.abs(fall) <= rounding;
  let gain = hidden ? 1 : fall / predicted;
  if (!Number.isFinite(gain) || !(hidden || predicted > 0)) gain = -1;
  const taken = gain > 0 && slope.every(Number.isFinite);
  const size = largest(θ);
  const nothing = p.every(
    (each, i) => Math.abs(each) <= EPSILON * (Math.abs(θ[i]) + EPSILON * size),
  );
  const unseen = hidden || (nothing && !course.rejected);
  const counted = course.unseen + Number(unseen && (own || course.rejected));
  const count = taken && !unseen ? 0 : counted;
  const ended = own && (nothing || (hidden && length >= course.length));
  return {
    ...{ fall, gain, taken, hidden, unseen },
    stalled: ended || (nothing && course.rejected) || count >= 16,
    course: {
      rejected: !taken && !unseen,
      hidden: unseen,
      length: hidden && own ? length : Infinity,
      unseen: count,
    },
  };
}
