// Networks of layers z = a W + b, a ← f(z), J and its derivatives (pages 1 to 3 and 9
// of the notes). All parameters are one vector θ: W row by row, then b, layer by layer.

// f, f′ and f″ of z and of a = f(z), and how f′ is written.
const ACTIVATIONS = {
  sigmoid: {
    f: (z) => 1 / (1 + Math.exp(-z)),
    slope: (z, a) => a * (1 - a),
    bend: (z, a) => a * (1 - a) * (1 - 2 * a),
    written: (z, a) => `${a}·(1 − ${a})`,
  },
  tanh: {
    f: Math.tanh,
    slope: (z, a) => 1 - a * a,
    bend: (z, a) => -2 * a * (1 - a * a),
    written: (z, a) => `1 − ${a}²`,
  },
  relu: {
    f: (z) => Math.max(z, 0),
    slope: (z) => (z > 0 ? 1 : 0),
    bend: () => 0,
    written: (z) => `[${z} > 0]`,
  },
  softplus: {
    f: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
    slope: (z) => 1 / (1 + Math.exp(-z)),
    bend: (z, a) => Math.exp(-a) * (1 - Math.exp(-a)),
    written: (z) => `1/(1 + e^−${z})`,
  },
  identity: { f: (z) => z, slope: () => 1, bend: () => 0, written: () => "1" },
};

// Of one example, from the output's z and ŷ: J, ∂J/∂z, and the change of ∂J/∂z where z
// and ŷ change.
const LOSSES = {
  half_squared_error: {
    label: "½(ŷ − y)²",
    value: (f, z, a, y) => (a - y) ** 2 / 2,
    slope: (f, z, a, y) => (a - y) * f.slope(z, a),
    bend: (f, z, a, y, dz, da) => da * f.slope(z, a) + (a - y) * f.bend(z, a) * dz,
  },
  // Of a sigmoid's ŷ, from z, which loses no digits where ŷ rounds to 0 or 1.
  binary_cross_entropy: {
    label: "−y ln ŷ − (1 − y) ln(1 − ŷ)",
    value: (f, z, a, y) => ACTIVATIONS.softplus.f(z) - y * z,
    slope: (f, z, a, y) => a - y,
    bend: (f, z, a, y, dz, da) => da,
  },
};

// With skip the last layer sees the inputs, too, behind the units below it.
function makeNetwork(sizes, hidden, output, skip = false) {
  let count = 0;
  const weights = [];
  const layers = sizes.slice(1).map((columns, l) => {
    const sees = skip && l === sizes.length - 2 ? zeros(sizes[l] + sizes[0]) : null;
    const rows = sees ? sees.length : sizes[l];
    const layer = { rows, columns, sees, w: count, b: count + rows * columns };
    layer.f = ACTIVATIONS[l === sizes.length - 2 ? output : hidden];
    for (const scratch of ["z", "a", "δ", "dz", "da", "dδ"]) {
      layer[scratch] = zeros(columns);
    }
    for (let at = layer.w; at < layer.b; at++) weights.push(at);
    count = layer.b + columns;
    return layer;
  });
  const last = layers[layers.length - 1];
  const input = zeros(sizes[0]);
  return { sizes, hidden, output, layers, last, count, weights, input };
}

// Random parameters, as nanonet.mlp(sizes, init=scheme).init(jax.random.key(seed)).
function initial(network, seed, scheme) {
  const keys = split(key(seed), network.layers.length);
  return Float64Array.from(
    network.layers.flatMap(({ rows, columns }, l) => {
      if (scheme === "glorot") {
        const a = Math.sqrt(6 / (rows + columns));
        return [...uniform(keys[l], rows * columns, -a, a), ...zeros(columns)];
      }
      const [forW, forB] = split(keys[l]);
      return [...uniform(forW, rows * columns, -1, 1), ...uniform(forB, columns, -1, 1)];
    }),
  );
}

// z and a of every layer, of one example; returns ŷ.
function forward(network, θ, x) {
  network.input = x;
  let a = x;
  for (const layer of network.layers) {
    const { rows, columns, sees, w, b, f } = layer;
    if (sees) {
      sees.set(a);
      sees.set(x, a.length);
      a = sees;
    }
    for (let j = 0; j < columns; j++) {
      let z = 0;
      for (let i = 0; i < rows; i++) z += a[i] * θ[w + i * columns + j];
      layer.z[j] = z + θ[b + j];
      layer.a[j] = f.f(layer.z[j]);
    }
    a = layer.a;
  }
  return a[0];
}

// Add to the gradient what follows from δ = ∂J/∂z of the last layer.
function backward(network, θ, gradient) {
  for (let l = network.layers.length - 1; l >= 0; l--) {
    const { rows, columns, sees, w, b, δ } = network.layers[l];
    const below = network.layers[l - 1];
    const a = sees ?? (below ? below.a : network.input);
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let j = 0; j < columns; j++) {
        const at = w + i * columns + j;
        gradient[at] += a[i] * δ[j];
        sum += θ[at] * δ[j];
      }
      if (below && i < below.columns) below.δ[i] = sum * below.f.slope(below.z[i], a[i]);
    }
    for (let j = 0; j < columns; j++) gradient[b + j] += δ[j];
  }
}

// The penalty of J, λ½Σw² over the weights; biases make no network steeper.
function penalty({ network, l2 = 0 }, θ) {
  if (!l2) return 0;
  let sum = 0;
  for (const at of network.weights) sum += θ[at] ** 2;
  return (l2 * sum) / 2;
}

// J, the mean over the examples, and the penalty.
function value(problem, θ) {
  const { network, loss, x, y } = problem;
  let sum = 0;
  for (let n = 0; n < x.length; n++) {
    const a = forward(network, θ, x[n]);
    sum += LOSSES[loss].value(network.last.f, network.last.z[0], a, y[n]);
  }
  return sum / x.length + penalty(problem, θ);
}

// J, and ∇J into the vector given.
function valueAndGradient(problem, θ, gradient) {
  const { network, loss, x, y, l2 } = problem;
  const { last } = network;
  const { value, slope } = LOSSES[loss];
  gradient.fill(0);
  let sum = 0;
  for (let n = 0; n < x.length; n++) {
    const a = forward(network, θ, x[n]);
    sum += value(last.f, last.z[0], a, y[n]);
    last.δ[0] = slope(last.f, last.z[0], a, y[n]) / x.length;
    backward(network, θ, gradient);
  }
  if (l2) for (const at of network.weights) gradient[at] += l2 * θ[at];
  return sum / x.length + penalty(problem, θ);
}

// r with J = ½‖r‖² of the squared error, and A = ∂r/∂θ; with a penalty √λ w follows, of
// each weight.
function residuals({ network, x, y, l2 = 0 }, θ) {
  const weight = Math.sqrt(1 / x.length);
  const { last } = network;
  const A = matrix(x.length, θ.length);
  const r = Float64Array.from(x, (row, n) => {
    const a = forward(network, θ, row);
    last.δ[0] = weight * last.f.slope(last.z[0], a);
    backward(network, θ, A[n]);
    return weight * (a - y[n]);
  });
  if (!l2) return { r, A };
  const root = Math.sqrt(l2);
  for (const at of network.weights) {
    const row = zeros(θ.length);
    row[at] = root;
    A.push(row);
  }
  return { r: Float64Array.of(...r, ...network.weights.map((at) => root * θ[at])), A };
}
