// The prediction profiler: what is predicted as one input changes and the others stay.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 240, HEIGHT = 150, LEFT = 32, RIGHT = 10, TOP = 8, BOTTOM = 20;
const POINTS = 41;

// Of two classes the second's probability tells all.
const drawn = model.classes
  ? model.classes.map((_, k) => k).slice(model.classes.length === 2 ? 1 : 0)
  : [0];

const values = model.inputs.map(({ held }) => held);
const profiler = document.getElementById("profiler");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, attributes);
  made.append(...children);
  return made;
}

function svg(tag, attributes, text = "") {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const digits = (value) => Number(value.toPrecision(4)).toString();

// Round steps that divide the range into a few parts.
function ticks(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((each) => each >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

const grid = ({ levels, low, high }) =>
  levels
    ? levels.map((_, i) => i)
    : Array.from({ length: POINTS }, (_, i) => low + ((high - low) * i) / (POINTS - 1));

// The predictions along one input, the others where they are.
const curve = (input) =>
  grid(input).map((at) => {
    const elsewhere = [...values];
    elsewhere[input.key] = at;
    return { at, ...predict(elsewhere) };
  });

function rangeOf(curves) {
  if (model.classes) return [0, 1];
  const ends = curves.flat().flatMap((of) => of.new ?? of.lines);
  return [Math.min(...ends), Math.max(...ends)];
}

function draw(input, points, [bottom, top]) {
  const [low, high] = input.levels
    ? [-0.6, input.levels.length - 0.4]
    : [input.low, input.high];
  const wide = WIDTH - LEFT - RIGHT, tall = HEIGHT - TOP - BOTTOM;
  const x = (value) => LEFT + (wide * (value - low)) / (high - low || 1);
  const y = (value) => TOP + tall * (1 - (value - bottom) / (top - bottom || 1));
  const parts = [];
  for (const value of ticks(bottom, top, 4)) {
    const at = { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) };
    parts.push(svg("line", { ...at, class: "grid" }));
    const place = { x: LEFT - 4, y: y(value) + 3, "text-anchor": "end" };
    parts.push(svg("text", place, digits(value)));
  }
  const marks = input.levels
    ? input.levels.map((level, i) => [i, level.length > 11 ? `${level.slice(0, 10)}…` : level])
    : ticks(low, high, 4).map((value) => [value, digits(value)]);
  if (!input.levels || input.levels.length < 5) {
    for (const [value, text] of marks) {
      const at = Math.min(x(value), WIDTH - 3 * text.length - 1);
      parts.push(svg("text", { x: at, y: HEIGHT - 6, "text-anchor": "middle" }, text));
    }
  }
  for (const band of ["new", "mean"]) {
    if (points[0][band] === undefined) continue;
    const ends = (k) => points.map((of) => [x(of.at), y(of[band][k])]);
    if (input.levels) {
      ends(1).forEach(([at, y1], i) => {
        const line = { x1: at, x2: at, y1, y2: ends(0)[i][1], class: band };
        parts.push(svg("line", line));
      });
    } else {
      const outline = [...ends(1), ...ends(0).reverse()].join(" ");
      parts.push(svg("polygon", { points: outline, class: `${band} band` }));
    }
  }
  if (!Number.isNaN(values[input.key])) {
    const here = Math.min(Math.max(x(values[input.key]), LEFT), WIDTH - RIGHT);
    const ends = { x1: here, x2: here, y1: TOP, y2: HEIGHT - BOTTOM };
    parts.push(svg("line", { ...ends, class: "here" }));
  }
  for (const k of drawn) {
    const color = colorOf(k);
    const at = points.map((of) => [x(of.at), y(of.lines[k])]);
    if (input.levels) {
      for (const [cx, cy] of at) parts.push(svg("circle", { cx, cy, r: 3.5, fill: color }));
    } else parts.push(svg("polyline", { points: at.join(" "), class: "curve", stroke: color }));
  }
  input.picture.replaceChildren(...parts);
}

const colorOf = (k) => (model.classes ? model.colors[k] : "var(--blue)");

const percent = (p) => `${(100 * p).toFixed(1)} %`;

function tell() {
  const found = predict(values);
  if (model.classes) {
    const shown = model.classes.map((name, k) => {
      const swatch = element("i");
      swatch.style.background = colorOf(k);
      return element("span", { className: "key" }, swatch, `${name} ${percent(found.lines[k])}`);
    });
    return [element("span", {}, `${model.target.name}: `), ...shown];
  }
  const [ŷ] = found.lines;
  const told = [element("b", {}, `${model.target.name} = ${digits(ŷ)}`)];
  const middle = model.target.log ? "its median" : "its mean";
  for (const [band, words] of [["mean", middle], ["new", "a new one"]]) {
    if (found[band] === undefined) continue;
    const ends = found[band].map(digits).join(" to ");
    const swatch = element("i");
    swatch.style.background = "var(--blue)";
    swatch.style.opacity = band === "mean" ? 0.6 : 0.25;
    told.push(element("span", { className: "key" }, swatch, `${words}: ${ends}`));
  }
  return told;
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const curves = model.inputs.map(curve);
    const range = rangeOf(curves);
    model.inputs.forEach((input, i) => draw(input, curves[i], range));
    answer.replaceChildren(...tell(), reset);
  });
}

// A field to change one input by, and its slider.
function controls(input) {
  const { key, levels, low, high, whole, missing } = input;
  if (levels) {
    const options = levels.map((level, i) => element("option", { value: i }, level));
    const select = element("select", {}, ...options);
    select.value = values[key];
    select.addEventListener("change", () => { values[key] = Number(select.value); redraw(); });
    input.show = () => { select.value = values[key]; };
    return [select];
  }
  const step = whole ? 1 : 10 ** (Math.floor(Math.log10(high - low || 1)) - 2);
  const field = element("input", { type: "number", step: "any" });
  const slider = element("input", { type: "range", min: low, max: high, step: whole ? 1 : "any" });
  slider.setAttribute("aria-label", input.name);
  const gap = element("input", { type: "checkbox" });
  input.show = () => {
    gap.checked = Number.isNaN(values[key]);
    field.value = gap.checked ? "" : digits(values[key]);
    if (!gap.checked) slider.value = values[key];
  };
  input.show();
  gap.addEventListener("change", () => {
    values[key] = gap.checked ? NaN : Number(slider.value);
    input.show();
    redraw();
  });
  slider.addEventListener("input", () => {
    values[key] = Math.round(Number(slider.value) / step) * step;
    field.value = digits(values[key]);
    gap.checked = false;
    redraw();
  });
  field.addEventListener("input", () => {
    if (field.value === "" || !Number.isFinite(Number(field.value))) return;
    values[key] = Number(field.value);
    slider.value = values[key];
    gap.checked = false;
    redraw();
  });
  return missing
    ? [field, slider, element("label", { className: "gap" }, gap, "missing")]
    : [field, slider];
}

const answer = element("output", { className: "answer" });
const reset = element("button", { type: "button" }, "reset");
reset.addEventListener("click", () => {
  model.inputs.forEach((input) => { values[input.key] = input.held; input.show(); });
  redraw();
});
const cards = model.inputs.map((input) => {
  const [field, ...below] = controls(input);
  input.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
  const name = element("span", { title: input.name }, input.name);
  return element("div", { className: "card" }, element("label", {}, name, field), input.picture, ...below);
});
profiler.append(answer, element("div", { className: "cards" }, ...cards));
redraw();
