// What is chosen, and where the run is, as the fragment of an address that can be shared.

const ALL_OPTIONS = Object.entries(OPTIONS);
const NAMED_OPTIONS = Object.fromEntries(
  ALL_OPTIONS.map(([name, { ascii }]) => [ascii, name]),
);

const MOST_STEPS = 1e7;
const CHOICES = {
  ...{ rule: RULES, activation: ACTIVATIONS, output: ACTIVATIONS, loss: LOSSES },
  ...{
    scheme: { uniform: 1, glorot: 1, notes: 1 },
    data: Object.assign({ own: 1 }, ...KINDS),
  },
};
const LIMITS = {
  ...{ count: [4, 1000], noise: [0, 2], draw: [0, 2 ** 31], held: [0, 0.5] },
  ...{ seed: [0, 2 ** 31], speed: [1, 1000], example: [0, 2000] },
  ...{ across: [0, 1000], up: [0, 1000], weight: [0, 1000] },
};

// What an address need not say.
const usualSettings = (data) => ({
  ...DEFAULTS,
  ...(data === "own" ? {} : suggestion(data)),
  data: DEFAULTS.data,
});

// What differs from the usual, with the numbers that were changed on the way.
function toFragment(settings, run) {
  const query = new URLSearchParams();
  for (const [name, usual] of Object.entries(usualSettings(settings.data))) {
    if (name === "table" && settings.data !== "own") continue;
    if (settings[name] !== usual) query.set(name, settings[name]);
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

// The settings of an address, its options, changes and step; what it does not know, or
// what is beyond all limits, it leaves out.
function fromFragment(fragment) {
  const query = new URLSearchParams(fragment);
  const data = query.get("data") in CHOICES.data ? query.get("data") : DEFAULTS.data;
  const settings = { ...usualSettings(data), data };
  for (const [name, usual] of Object.entries(settings)) {
    if (query.has(name)) settings[name] = settingOf(name, query.get(name), usual);
  }
  const options = usualOptions(settings.rule, isLogic(data));
  for (const [name, { ascii }] of ALL_OPTIONS) {
    const given = query.has(ascii) ? optionOf(name, query.get(ascii)) : null;
    options[name] = given ?? options[name];
  }
  const changes = (query.get("then") ?? "").split(" ").map(changeOf).filter(Boolean);
  const step = Math.floor(Number(query.get("step"))) || 0;
  return { settings, options, changes, step: Math.min(Math.max(step, 0), MOST_STEPS) };
}

function settingOf(name, text, usual) {
  if (name in CHOICES) return Object.hasOwn(CHOICES[name], text) ? text : usual;
  if (typeof usual === "boolean") return text === "true";
  if (!(name in LIMITS)) return text;
  const [low, high] = LIMITS[name];
  const number = Number(text);
  return number >= low && number <= high ? number : usual;
}

// The value of an option, or null if it can be none.
function optionOf(name, text) {
  const { choices, toggle, low, high, logarithmic, zero } = OPTIONS[name];
  if (choices) return Object.hasOwn(choices, text) ? text : null;
  if (toggle) return text === "true";
  const [least, most] = logarithmic ? [zero ? 0 : 10 ** low, 10 ** high] : [low, high];
  const number = Number(text);
  return text && number >= least && number <= most ? number : null;
}

// A number that was changed on the way: "120.alpha=0.5".
function changeOf(text) {
  const [, step, ascii, value] = /^(\d+)\.(\w+)=(.*)$/.exec(text) ?? [];
  const name = NAMED_OPTIONS[ascii];
  if (name === undefined || STRUCTURAL.has(name) || OPTIONS[name].start) return null;
  const number = optionOf(name, value);
  return number === null ? null : { step: Number(step), name, value: number };
}
