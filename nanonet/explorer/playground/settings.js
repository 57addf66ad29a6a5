// What is chosen on the page, and the same as an address that can be shared.

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

const ALL_OPTIONS = Object.entries(OPTIONS);

function suggestion(data, examples) {
  if (isLogic(data)) return SUGGESTED.logic;
  if (data === "spirals") return { ...SUGGESTED.plane, hidden: "8, 8" };
  if (data === "own") return examples.classes ? SUGGESTED.plane : SUGGESTED.curve;
  return data in CURVES ? SUGGESTED.curve : SUGGESTED.plane;
}

const MOST_UNITS = 12;

// The sizes of hidden layers, "4, 4"; throws an Error that says what would be right.
function hiddenSizes(text) {
  const sizes = text.split(/[\s,;-]+/).filter(Boolean).map(Number);
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

// What differs from the usual, with the numbers that were changed on the way.
function toFragment(settings, run) {
  const query = new URLSearchParams();
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    if (name !== "table" || settings.data === "own") {
      if (settings[name] !== usual) query.set(name, settings[name]);
    }
  }
  const usual = usualOptions(settings.rule, isLogic(settings.data));
  const [first, ...later] = run.changes.map(({ step, options }) => ({ step, ...options }));
  for (const [name, { ascii }] of ALL_OPTIONS) {
    if (first[name] !== usual[name]) query.set(ascii, first[name]);
  }
  let before = first;
  const changes = later.flatMap((now) => {
    const changed = ALL_OPTIONS.filter(([name]) => now[name] !== before[name]);
    before = now;
    return changed.map(([name, { ascii }]) => `${now.step}.${ascii}=${now[name]}`);
  });
  if (changes.length) query.set("then", changes.join(" "));
  if (run.step) query.set("step", run.step);
  return query.toString();
}

const likeUsual = (text, usual) =>
  typeof usual === "number" ? Number(text) : typeof usual === "boolean" ? text === "true" : text;

// The settings of an address, its options, changes and step; what it does not know it
// leaves out.
function fromFragment(fragment) {
  const query = new URLSearchParams(fragment);
  const given = Object.keys(DEFAULTS).filter((name) => query.has(name));
  const settings = { ...DEFAULTS };
  for (const name of given) settings[name] = likeUsual(query.get(name), DEFAULTS[name]);
  if (!(settings.rule in RULES)) settings.rule = DEFAULTS.rule;
  const known = KINDS.some((kind) => settings.data in kind) || settings.data === "own";
  if (!known) settings.data = DEFAULTS.data;
  const options = usualOptions(settings.rule, isLogic(settings.data));
  for (const [name, { ascii, usual }] of ALL_OPTIONS) {
    if (query.has(ascii)) options[name] = likeUsual(query.get(ascii), usual);
  }
  const named = Object.fromEntries(ALL_OPTIONS.map(([name, { ascii }]) => [ascii, name]));
  const changes = (query.get("then") ?? "").split(" ").filter(Boolean).map((text) => {
    const [, step, ascii, value] = /^(\d+)\.(\w+)=(.*)$/.exec(text) ?? [];
    return { step: Number(step), name: named[ascii], value: Number(value) };
  });
  return {
    ...{ settings, options, changes: changes.filter(({ name }) => name) },
    step: Math.max(0, Math.floor(Number(query.get("step")) || 0)),
  };
}
