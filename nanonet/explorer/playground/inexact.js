// Newton's step without H, by conjugate gradients, and without its second derivatives,
// by Gauss and Newton (page 9 of the notes); each with a line search.

const MOST_PRODUCTS = 200;

// p with H p ≈ −∇J. Source: Nocedal & Wright, Numerical Optimization, algorithm 7.1.
function newtonCg(problem, point, state) {
  const { x, products, end } = conjugateGradients(
    (v) => hessianProduct(problem, point.θ, v),
    point.g,
  );
  const found = searchAlong(problem, point, x.map((each) => -each), state);
  return {
    ...found,
    facts: [["products", `with H; ended: ${end}`, products], ...found.facts],
  };
}

// x with H x ≈ g, as far as H curves up.
function conjugateGradients(product, g) {
  const size = Math.max(largest(g), TINY);
  const b = g.map((each) => each / size);
  let [x, residual, d, square] = [zeros(b.length), b, b, dot(b, b)];
  const target = Math.min(0.25, size * Math.sqrt(square)) * square;
  let [products, end] = [0, "‖Hp + ∇J‖ is small"];
  while (square > target && products < MOST_PRODUCTS) {
    const Hd = product(d);
    const curvature = dot(d, Hd);
    products += 1;
    if (!(curvature > 0)) {
      end = "H curves down along d";
      const factor = square / Math.abs(curvature);
      if (products === 1 && curvature < 0) x = d.map((each) => factor * each);
      break;
    }
    const α = square / curvature;
    const direction = d;
    x = x.map((each, i) => each + α * direction[i]);
    residual = residual.map((each, i) => each - α * Hd[i]);
    const before = square;
    square = dot(residual, residual);
    d = residual.map((each, i) => each + (square / before) * direction[i]);
  }
  const found = x.some((each) => each !== 0) ? x : b;
  return { x: found.map((each) => size * each), products, end };
}

// p = −A⁺r, the shortest step that makes ‖A p + r‖ least.
function gaussNewton(problem, point, state, { safeguard }) {
  const { r, A } = residuals(problem, point.θ);
  const { x, rank } = leastSquares(A, r);
  const facts = [
    ["‖r‖", "of the residuals", norm(r)],
    ["rank", `of A, of ${x.length}`, rank],
    ["‖A⁺r‖", "", norm(x)],
  ];
  if (!safeguard) return { p: x, facts };
  const found = searchAlong(problem, point, x.map((each) => -each), state);
  return { ...found, facts: [...facts, ...found.facts] };
}
