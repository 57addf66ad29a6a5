// Menus, sliders and boxes, made of what there is to choose.

const $ = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// choices: an object of value → words, or a list; by group where groups are given.
function fillMenu(menu, choices, value) {
  const option = ([each, words]) => make("option", { value: each, textContent: words });
  const pairs = Array.isArray(choices)
    ? choices.map((each) => [each, each])
    : Object.entries(choices);
  menu.replaceChildren(...pairs.map(option));
  menu.value = value;
  return menu;
}

function menuRow(words, choices, value, change) {
  const menu = fillMenu(make("select", { title: words }), choices, value);
  menu.addEventListener("change", () => change(menu.value));
  const long = Object.values(choices).some((each) => each.length > 16);
  return make(
    "label",
    { className: long && !Array.isArray(choices) ? "row long" : "row" },
    words,
    menu,
  );
}

function toggleRow(words, value, change) {
  const box = make("input", { type: "checkbox", checked: value });
  box.addEventListener("change", () => change(box.checked));
  return make("label", { className: "toggle" }, box, words);
}

function textRow(words, value, change) {
  const field = make("input", { type: "text", value });
  field.addEventListener("change", () => change(field.value));
  return make("label", { className: "row" }, words, field);
}

// A seed: a whole number.
function numberRow(words, value, change) {
  const field = make("input", { type: "number", min: 0, max: 2 ** 31, value });
  field.addEventListener("change", () => {
    const number = Math.floor(Number(field.value)) || 0;
    change(Math.min(Math.max(number, 0), 2 ** 31));
  });
  return make("label", { className: "row" }, words, field);
}

// A slider, and its number beside it; of decades, if it is logarithmic. Where zero is
// among them, it is the lowest place.
function sliderRow(symbol, words, spec, value, change) {
  const { low, high, logarithmic, zero } = spec;
  const bottom = zero ? low - 0.05 : low;
  const slider = make("input", { type: "range", min: bottom, max: high, title: words });
  slider.step = spec.step ?? (logarithmic ? 0.05 : 0.001);
  const toNumber = (place) => {
    if (!logarithmic) return Number(place);
    return zero && place < low ? 0 : Number((10 ** place).toPrecision(3));
  };
  slider.value = logarithmic ? (value > 0 ? Math.log10(value) : bottom) : value;
  const shown = make("output", { textContent: written(value, 4) });
  slider.addEventListener("input", () => {
    const number = toNumber(Number(slider.value));
    shown.textContent = written(number, 4);
    change(number);
  });
  const name = make("b", { innerHTML: typeset(symbol) });
  const rest = words ? [make("small", { textContent: words })] : [];
  return make("label", { className: "row slider" }, name, slider, shown, ...rest);
}

// What the chosen rule heeds, and nothing else.
function optionRows(rule, options, change) {
  return rule.options(options).map((name) => {
    const spec = OPTIONS[name];
    const changed = (value) => change(name, value);
    if (spec.choices) return menuRow(spec.words, spec.choices, options[name], changed);
    if (spec.toggle) return toggleRow(spec.words, options[name], changed);
    const words = spec.start ? `${spec.words}, of the start` : spec.words;
    return sliderRow(name.replace("v0", "v"), words, spec, options[name], changed);
  });
}

const count = (low, high, step) => ({ low, high, step, logarithmic: false });

// What there is to choose of the data.
function dataRows(settings, change) {
  const choices = Object.fromEntries(
    KINDS.flatMap((kind) => Object.keys(kind)).map((each) => [each, each]),
  );
  const changed = (name) => (value) => change({ [name]: value });
  const own = settings.data === "own";
  const rows = [
    menuRow("learn", { ...choices, own: "own data" }, settings.data, (data) =>
      change({ data }),
    ),
  ];
  if (isLogic(settings.data)) return rows;
  const held = { ...count(0, 0.5, 0.05) };
  rows.push(
    sliderRow("test", "share held out (hollow)", held, settings.held, changed("held")),
  );
  if (own) return rows;
  return [
    ...rows,
    sliderRow("n", "examples", count(20, 400, 10), settings.count, changed("count")),
    sliderRow("±", "noise", count(0, 0.5, 0.01), settings.noise, changed("noise")),
    numberRow("drawn by", settings.draw, changed("draw")),
  ];
}

const SCHEMES = { uniform: "U(−1, 1)", glorot: "Glorot", notes: "the notes’ example" };

// What there is to choose of the network, of J and of the start; the penalty acts while
// the run goes on.
function networkRows(settings, sizes, change, l2, changeL2) {
  const changed = (name) => (value) => change({ [name]: value });
  const { notes, ...drawn } = SCHEMES;
  const schemes = sizes.join() === "2,2,1" ? SCHEMES : drawn;
  const hidden = Object.keys(ACTIVATIONS);
  const losses = { half_squared_error: "½(ŷ − y)²" };
  if (settings.output === "sigmoid") losses.binary_cross_entropy = "cross-entropy";
  const rows = [
    textRow("hidden units", settings.hidden, changed("hidden")),
    menuRow("their f", hidden, settings.activation, changed("activation")),
    menuRow(
      "output’s f",
      ["sigmoid", "identity", "tanh"],
      settings.output,
      changed("output"),
    ),
    menuRow("loss J", losses, settings.loss, changed("loss")),
    sliderRow("l2", OPTIONS.l2.words, OPTIONS.l2, l2, changeL2),
    menuRow("start", schemes, settings.scheme, changed("scheme")),
  ];
  if (settings.scheme === "notes") return rows;
  return [...rows, numberRow("seed", settings.seed, changed("seed"))];
}
