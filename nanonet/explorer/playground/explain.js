// Every number of a step, as rows of a table: the way forward, the chain rule of one
// parameter, and the rule's own lines (pages 1 to 10 of the notes).

// Units and parameters are called as in nanonet's explain.
function unitNames(sizes) {
  const several = sizes.length > 3;
  return sizes.map((count, l) => {
    const hidden = several ? `h${l}.` : "h";
    const prefix = l === 0 ? "x" : l === sizes.length - 1 ? "o" : hidden;
    return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
  });
}

const NOTES = ["w1", "w2", "w3", "w4", "b3", "b4", "w5", "w6", "b5"];

function parameterNames({ sizes }) {
  if (sizes.join() === "2,2,1") return NOTES;
  if (sizes.length === 2) return [...unitNames(sizes)[0].map((x) => x.replace("x", "θ")), "θ0"];
  const units = unitNames(sizes);
  return sizes
    .slice(1)
    .flatMap((_, l) => [
      ...units[l].flatMap((below) => units[l + 1].map((unit) => `w_${below}_${unit}`)),
      ...units[l + 1].map((unit) => `b_${unit}`),
    ]);
}

// Where a parameter is: of layer l, from unit i (none of a bias) to unit j.
function placeOf({ layers }, index) {
  const l = layers.findIndex(({ b, columns }) => index < b + columns);
  const { w, b, columns } = layers[l];
  if (index >= b) return { l, i: null, j: index - b };
  return { l, i: Math.floor((index - w) / columns), j: (index - w) % columns };
}

// What a unit of a layer gives, and its weighted sum; l = -1: the inputs.
function symbolsOf({ sizes }) {
  const units = unitNames(sizes);
  const last = sizes.length - 2;
  return {
    out: (l, i) => (l < 0 ? units[0][i] : l === last ? "ŷ" : `out_${units[l + 1][i]}`),
    z: (l, i) => `z_${units[l + 1][i]}`,
  };
}

const written = (number, digits = 6) => {
  if (Number.isNaN(number)) return "not a number";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const rounded = Number(number.toPrecision(digits));
  const small = rounded !== 0 && Math.abs(rounded) < 1e-4;
  return small ? rounded.toExponential() : String(rounded);
};
const grouped = (text) => (/^-|[ +−]|\d-/.test(text) ? `(${text})` : text);
const factor = (number) => grouped(written(number));

// z = …, out = f(z) of every unit for one example, and the loss.
function forwardRows({ network, loss }, θ, x, y) {
  const names = parameterNames(network);
  const symbols = symbolsOf(network);
  const ŷ = forward(network, θ, x);
  const rows = network.layers.flatMap((layer, l) => {
    const below = l ? network.layers[l - 1].a : x;
    return Array.from({ length: layer.columns }, (_, j) => {
      const at = Array.from(below, (_, i) => layer.w + i * layer.columns + j);
      const term = (i) => `${symbols.out(l - 1, i)}·${names[at[i]]}`;
      const number = (i) => `${factor(below[i])}·${factor(θ[at[i]])}`;
      const sum = (each, bias) => [...at.keys()].map(each).concat(bias).join(" + ");
      const [z, f] = [
        symbols.z(l, j),
        l === network.layers.length - 1 ? "output" : "hidden",
      ];
      return [
        [z, sum(term, names[layer.b + j]), sum(number, factor(θ[layer.b + j])), layer.z[j]],
        [symbols.out(l, j), activationOf(network[f], z), "", layer.a[j]],
      ];
    }).flat();
  });
  const value = LOSSES[loss].value(network.last.f, network.last.z[0], ŷ, y);
  rows.push(["error", "ŷ − y", `${written(ŷ)} − ${factor(y)}`, ŷ - y]);
  rows.push(["J", LOSSES[loss].label, "", value]);
  return rows;
}

const activationOf = (name, z) =>
  ({
    sigmoid: `1/(1 + e^(−${z}))`,
    relu: `max(0, ${z})`,
    softplus: `ln(1 + e^${z})`,
    tanh: `tanh ${z}`,
    identity: z,
  })[name];

const MOST_PATHS = 8;

// ∂J/∂θ of one parameter and one example: each path from J to it is a product.
function chainRule({ network, loss }, θ, x, y, index) {
  const names = parameterNames(network);
  const symbols = symbolsOf(network);
  const { l, i, j } = placeOf(network, index);
  const top = network.layers.length - 1;
  const ŷ = forward(network, θ, x);
  const slope = (k, unit) => {
    const { f, z, a } = network.layers[k];
    const [symbol, out] = [symbols.z(k, unit), symbols.out(k, unit)];
    return [`∂${out}/∂${symbol}`, f.written(symbol, out), f.slope(z[unit], a[unit])];
  };
  const error = loss === "binary_cross_entropy" ? [`∂J/∂${symbols.z(top, 0)}`] : ["∂J/∂ŷ"];
  const first = [[error[0], "ŷ − y", ŷ - y]];
  if (loss !== "binary_cross_entropy") first.push(slope(top, 0));
  const end =
    i === null
      ? [`∂${symbols.z(l, j)}/∂${names[index]}`, "1", 1]
      : [
          `∂${symbols.z(l, j)}/∂${names[index]}`,
          symbols.out(l - 1, i),
          l ? network.layers[l - 1].a[i] : x[i],
        ];
  const through = (k, unit, path) => {
    if (k === l) return unit === j ? [[...path, end]] : [];
    const { w, columns, rows } = network.layers[k];
    const below = k - 1 === l ? [j] : Array.from({ length: rows }, (_, each) => each);
    return below.flatMap((each) => {
      const at = w + each * columns + unit;
      const across = [
        `∂${symbols.z(k, unit)}/∂${symbols.out(k - 1, each)}`,
        names[at],
        θ[at],
      ];
      return through(k - 1, each, [...path, across, slope(k - 1, each)]);
    });
  };
  const paths = through(top, 0, first);
  const products = paths.map((path) => path.reduce((all, [, , each]) => all * each, 1));
  const sum = (column) =>
    paths
      .slice(0, MOST_PATHS)
      .map((path) => path.map(column).join(" · "))
      .join(" + ");
  const more =
    paths.length > MOST_PATHS ? ` + ${paths.length - MOST_PATHS} more paths` : "";
  return {
    symbols: sum(([symbol]) => symbol) + more,
    formulas: sum(([, formula]) => grouped(formula)) + more,
    numbers: sum(([, , number]) => factor(number)) + more,
    value: products.reduce((all, each) => all + each, 0),
  };
}

// What the averages of 1 come to, as long as β stays.
const POWERS = { c: "1 - βᵗ", c1: "1 - β1ᵗ", c2: "1 - β2ᵗ", c3: "1 - β1ᵗ⁺¹" };

// What the penalty adds to the slope of a weight, in words.
const penaltySlope = ({ problem: { l2, network } }, index) =>
  l2 && network.weights.includes(index) ? `, + l2·${parameterNames(network)[index]}` : "";

// The lines of the rule for one parameter: symbol, formula, numbers put in, result.
function ruleRows(run, index) {
  const { before, prepared, options } = run.next();
  const numbers = { θ: run.point.θ[index], g: run.point.g[index], ...options };
  for (const name of run.compiled.state) numbers[name] = before[name][index];
  if ("a" in prepared) numbers.a = prepared.a;
  if ("p" in prepared) numbers.p = prepared.p[index];
  const rows = [["t", "this step", "", run.step + 1]];
  const penalty = penaltySlope(run, index);
  rows.push(["g", `∂J/∂θ, the mean over the examples${penalty}`, "", numbers.g]);
  for (const [symbol, words, number] of prepared.facts ?? []) {
    rows.push([symbol, words, "", number]);
  }
  if ("p" in prepared) rows.push(["p", "of this parameter", "", numbers.p]);
  for (const { target, formula, names } of run.compiled.lines) {
    const put = formula.replace(NAME, (name) =>
      names.includes(name) ? factor(numbers[name]) : name,
    );
    const compute = new Function("sqrt", "max", ...names, `return ${formula};`);
    const result = compute(Math.sqrt, Math.max, ...names.map((name) => numbers[name]));
    const also = target in POWERS ? `${formula} = ${POWERS[target]}` : formula;
    rows.push([target === "θ" ? "θ new" : target, also, put, result]);
    numbers[target] = result;
  }
  return rows;
}
