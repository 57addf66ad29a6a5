// What the report's network predicts of given inputs, and how sure it is.

const model = JSON.parse(document.getElementById("model").textContent);
const unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const members = model.members.map((text) => new Float64Array(unpack(text)));
const factors = model.noise?.factors.map((text) => new Float32Array(unpack(text)));
const network = makeNetwork(
  model.sizes,
  model.hidden,
  model.output === "softmax" ? "identity" : model.output,
  model.skip,
);

// What the network is given for these values of the inputs; NaN is a missing one.
function encode(values) {
  const x = zeros(model.sizes[0]);
  for (const { held, place, levels, mean, scale, key } of model.inputs) {
    const value = values[key] ?? held;
    if (levels) x[place + value] = 1;
    else if (Number.isNaN(value)) x[place + 1] = 1;
    else x[place] = (value - mean) / scale;
  }
  return x;
}

// The probability of each class: the mean of the members'.
function probabilities(values) {
  const x = encode(values);
  const total = zeros(model.classes.length);
  for (const θ of members) {
    forward(network, θ, x);
    let p = Array.from(network.last.a);
    if (model.output === "softmax") {
      const most = Math.max(...p);
      p = p.map((z) => Math.exp(z - most));
      const sum = p.reduce((a, b) => a + b);
      p = p.map((each) => each / sum);
    } else if (p.length === 1) p = [1 - p[0], p[0]];
    p.forEach((each, k) => (total[k] += each / members.length));
  }
  return { lines: Array.from(total) };
}

// The prediction, and the bands of its mean and of a new value, lower and upper end: as
// nanonet.model.intervals.linearized, and back from a logarithm.
function number(values) {
  const x = encode(values);
  const { mean, scale, log } = model.target;
  const back = (z) => (log ? Math.exp : Number)(mean + scale * z);
  const answers = members.map((θ) => forward(network, θ, x));
  const ŷ = answers.reduce((a, b) => a + b) / answers.length;
  const lines = [back(ŷ)];
  if (!factors) return { lines };
  let own = 0, noise = 0;
  members.forEach((θ, m) => {
    const { deviation, free } = model.noise;
    const a = forward(network, θ, x);
    const g = zeros(network.count);
    network.last.δ[0] = network.last.f.slope(network.last.z[0], a);
    backward(network, θ, g);
    own += deviation[m] ** 2 * quadratic(factors[m], g, free[m]);
    noise += deviation[m] ** 2 * level(x);
  });
  const among = answers.reduce((sum, a) => sum + (a - ŷ) ** 2, 0) / answers.length;
  const known = own / members.length + among;
  const band = (variance) => {
    const half = model.noise.quantile * Math.sqrt(variance);
    return [back(ŷ - half), back(ŷ + half)];
  };
  return { lines, mean: band(known), new: band(known + noise / members.length) };
}

// By what the noise's variance is multiplied at x: as nanonet.model.noise_level.levels.
function level(x) {
  const { trend } = model.noise;
  if (!trend) return 1;
  const [low, high] = trend.slice(-2);
  let sum = trend[0];
  x.forEach((z, i) => (sum += trend[1 + i] * z + trend[1 + x.length + i] * z * z));
  return Math.exp(Math.min(Math.max(sum, low), high));
}

// gᵀ(LLᵀ)⁻¹g over the free parameters, L row by row without its zeros.
function quadratic(L, g, free) {
  const v = zeros(g.length);
  let at = 0, sum = 0;
  for (let i = 0; i < v.length; i++) {
    let rest = g[i] * free[i];
    for (let j = 0; j < i; j++) rest -= L[at++] * v[j];
    v[i] = rest / L[at++];
    sum += v[i] * v[i];
  }
  return sum;
}

const predict = model.classes ? probabilities : number;
model.inputs.forEach((input, key) => (input.key = key));
