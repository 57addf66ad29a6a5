// What is chosen on the page, and the problem that it makes.

const SUGGESTED = {
  logic: { hidden: "2", activation: "sigmoid", output: "sigmoid", scheme: "uniform" },
  plane: { hidden: "4", activation: "tanh", output: "sigmoid", scheme: "glorot" },
  curve: { hidden: "5", activation: "tanh", output: "identity", scheme: "glorot" },
};

const DEFAULTS = {
  ...{ data: "XOR", count: 100, noise: 0.1, draw: 0, held: 0.25, table: "", scale: true },
  ...{ ...SUGGESTED.logic, loss: "half_squared_error", seed: 8, at: "" },
  ...{ rule: "gradient_descent", speed: 1, example: 3, across: 0, up: 2, weight: 6 },
};

function suggestion(data, examples) {
  if (isLogic(data)) return SUGGESTED.logic;
  if (data === "spirals") return { ...SUGGESTED.plane, hidden: "8, 8" };
  if (data === "own") return examples.classes ? SUGGESTED.plane : SUGGESTED.curve;
  return data in CURVES ? SUGGESTED.curve : SUGGESTED.plane;
}

const MOST_UNITS = 12;

// The sizes of hidden layers, "4, 4"; throws an Error that says what would be right.
function hiddenSizes(text) {
  const sizes = text
    .split(/[\s,;-]+/)
    .filter(Boolean)
    .map(Number);
  const good = (size) => Number.isInteger(size) && size >= 1 && size <= MOST_UNITS;
  if (sizes.length > 3 || !sizes.every(good)) {
    throw new Error(`Hidden layers are up to three numbers from 1 to ${MOST_UNITS}: 4, 4`);
  }
  return sizes;
}

// Everything a run needs, of the settings.
function problemOf(settings) {
  const all =
    settings.data === "own"
      ? readTable(settings.table, settings.scale)
      : examples(settings.data, settings.count, settings.noise, settings.draw);
  const share = isLogic(settings.data) ? 0 : settings.held;
  const { train, test } = parted(all, share, settings.draw);
  const sizes = [all.x[0].length, ...hiddenSizes(settings.hidden), 1];
  const network = makeNetwork(sizes, settings.activation, settings.output);
  const { loss } = settings;
  return {
    all,
    problem: { network, loss, ...train },
    test: test && { network, loss, ...test },
    θ: startOf(network, settings),
  };
}

// The notes' example: error 0.5 and ∂J/∂w5 = 0.1 for x = (1, 1), y = 0.
const NOTES_START = [1, -1, Math.log(4) - 1, 1, 0, 0, 1, 0.4, -1];

// Random parameters, or the notes'; of those that were set by hand, as in "6:0.5 2:-1".
function startOf(network, { seed, scheme, at }) {
  const notes = scheme === "notes" && network.sizes.join() === "2,2,1";
  const θ = notes
    ? Float64Array.from(NOTES_START)
    : initial(network, seed, scheme === "notes" ? "uniform" : scheme);
  for (const [index, number] of at.split(" ").map((each) => each.split(":").map(Number))) {
    if (index < θ.length && Number.isFinite(number)) θ[index] = number;
  }
  return θ;
}
