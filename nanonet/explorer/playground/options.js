// What there is to choose of a rule: a symbol, its name in an address, what it is, and
// its range. Numbers act while a run goes on, unless they are of its start.

const choice = (ascii, words, usual, choices) => ({ ascii, words, usual, choices });
const toggle = (ascii, words, usual = false) => ({ ascii, words, usual, toggle: true });
const decades = (ascii, words, usual, low, high, start = false) => ({
  ...{ ascii, words, usual, low, high, start, logarithmic: true },
});
const portion = (ascii, words, usual) => ({
  ...{ ascii, words, usual, low: 0, high: 0.999, logarithmic: false },
});

const OPTIONS = {
  form: choice("form", "form", "standard", {
    standard: "v = βv + α∇J, θ − v",
    negated: "v = βv − α∇J, θ + v",
    ewma: "v = βv + (1−β)∇J, θ − αv",
    pytorch: "v = βv + ∇J, θ − αv (PyTorch)",
  }),
  variant: choice("variant", "variant", "2", {
    1: "1, longer: s·s / s·y",
    2: "2, shorter: s·y / y·y",
  }),
  place: choice("place", "place of ε", "outside", {
    outside: "outside the root: √v + ε",
    inside: "inside the root: √(v + ε)",
  }),
  safeguard: toggle("safeguard", "safeguard: only downhill", true),
  nesterov: toggle("nesterov", "Nesterov: look ahead"),
  centered: toggle("centered", "centered: v − m², the variance"),
  corrected: toggle("corrected", "correct the bias: v̂ = v/(1 − βᵗ)"),
  corrected1: toggle("corrected1", "correct the bias of v₁", true),
  corrected2: toggle("corrected2", "correct the bias of v₂", true),
  velocity: toggle("velocity", "with momentum γ"),
  geodesic: toggle("geodesic", "geodesic: follow the curve"),
  α: decades("alpha", "learning rate", 0.1, -4, 2),
  β: portion("beta", "share that is kept", 0.9),
  β1: portion("beta1", "of v₁, the mean of ∇J", 0.9),
  β2: portion("beta2", "of v₂, the mean of (∇J)²", 0.999),
  γ: portion("gamma", "momentum", 0.9),
  ε: decades("epsilon", "guards the division", 1e-8, -12, 0),
  λ: decades("lambda", "weight decay", 1e-4, -6, 0),
  l2: { ...decades("l2", "penalty l₂·½Σw²", 0, -6, 0), zero: true },
  v0: { ...decades("v0", "v(0)", 0, -6, 1, true), zero: true },
  Δ: decades("radius", "radius Δ(0)", 1, -2, 2, true),
  μ: decades("damping", "damping μ(0)", 0.1, -6, 3, true),
};

// Those that are no numbers in a formula.
const STRUCTURAL = new Set(
  Object.keys(OPTIONS).filter((name) => !("low" in OPTIONS[name])),
);

// The usual α: of XOR and other functions of two bits, and of standardized data.
const LEARNING_RATES = {
  gradient_descent: [10, 0.2],
  momentum: [1, 0.02],
  rmsprop: [0.02, 0.01],
  adagrad: [2, 0.2],
  adam: [0.1, 0.02],
  adamw: [0.1, 0.02],
  amsgrad: [0.1, 0.02],
  barzilai_borwein: [0.05, 0.05],
  newton: [1, 1],
  gauss_newton: [1, 1],
};

const usualOptions = (rule, logic = true) => {
  const usual = Object.entries(OPTIONS).map(([name, option]) => [name, option.usual]);
  const rates = LEARNING_RATES[rule];
  const own = rule === "adagrad" ? { v0: 0.1, ε: 1e-7 } : {};
  return { ...Object.fromEntries(usual), α: rates ? rates[logic ? 0 : 1] : 0.1, ...own };
};
