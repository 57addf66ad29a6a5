// Update rules, pages 2 to 10 of the notes. A rule is a few lines in the notes' symbols,
// which are compiled into one loop over the parameters; the table of a step is made of
// the very same lines. What a line reads before any line has written it is the rule's
// state. The c are the averages of 1, that is 1 - βᵗ, as nanonet's `ewma` carries them.

const FORMS = {
  standard: ["+ α*g", "- "],
  negated: ["- α*g", "+ "],
  ewma: ["+ (1-β)*g", "- α*"],
  pytorch: ["+ g", "- α*"],
};

// ε inside the root, as in the notes, or outside.
const root = (square, { place }) =>
  place === "inside" ? `sqrt(${square} + ε)` : `(sqrt(${square}) + ε)`;

const when = (condition, ...lines) => (condition ? lines : []);

const moments = ["v1 = β1*v1 + (1-β1)*g", "v2 = β2*v2 + (1-β2)*(g*g)"];

function adamStep(o) {
  return [
    ...moments,
    "c1 = β1*c1 + (1-β1)",
    "c2 = β2*c2 + (1-β2)",
    ...(o.nesterov
      ? ["c3 = β1*c1 + (1-β1)", "v̂1 = β1*v1/c3 + (1-β1)*g/c1"]
      : ["v̂1 = v1/c1"]),
    "v̂2 = v2/c2",
  ];
}

const RULES = {
  gradient_descent: {
    label: "gradient descent",
    options: () => ["α"],
    lines: () => ["θ = θ - α*g"],
  },
  momentum: {
    label: "momentum",
    options: () => ["α", "β", "form", "nesterov"],
    lines({ form, nesterov }) {
      const [gain, move] = FORMS[form];
      const ahead = when(nesterov, `n = β*v ${gain}`);
      return [`v = β*v ${gain}`, ...ahead, `θ = θ ${move}${nesterov ? "n" : "v"}`];
    },
  },
  rmsprop: {
    label: "RMSprop",
    options: ({ velocity }) => [
      ...["α", "β", "ε", "place", "centered", "corrected", "velocity"],
      ...when(velocity, "γ", "nesterov"),
      "v0",
    ],
    start: ({ v0 }) => ({ v: v0 }),
    lines(o) {
      const [v, m] = o.corrected ? ["v̂", "m̂"] : ["v", "m"];
      const moved = `α*g/${root(o.centered ? "s" : v, o)}`;
      return [
        ...when(o.centered, "m = β*m + (1-β)*g"),
        "v = β*v + (1-β)*(g*g)",
        ...when(o.corrected, "c = β*c + (1-β)", "v̂ = v/c"),
        ...when(o.corrected && o.centered, "m̂ = m/c"),
        ...when(o.centered, `s = max(${v} - (${m}*${m}), 0)`),
        ...when(o.velocity, `u = γ*u - ${moved}`),
        ...when(o.velocity && o.nesterov, `n = γ*u - ${moved}`),
        `θ = θ ${o.velocity ? (o.nesterov ? "+ n" : "+ u") : `- ${moved}`}`,
      ];
    },
  },
  adagrad: {
    label: "Adagrad",
    options: () => ["α", "ε", "v0"],
    start: ({ v0 }) => ({ v: v0 }),
    lines: () => ["v = v + (g*g)", "θ = θ - α*g/sqrt(v + ε)"],
  },
  adam: {
    label: "Adam",
    options: () => ["α", "β1", "β2", "ε", "place", "nesterov"],
    lines: (o) => [...adamStep(o), `θ = θ - α*v̂1/${root("v̂2", o)}`],
  },
  adamw: {
    label: "AdamW",
    options: () => ["α", "β1", "β2", "ε", "λ", "place", "nesterov"],
    lines: (o) => [...adamStep(o), `θ = θ - α*(v̂1/${root("v̂2", o)} + λ*θ)`],
  },
  amsgrad: {
    label: "AMSGrad",
    options: () => ["α", "β1", "β2", "ε", "place", "corrected1", "corrected2"],
    lines: (o) => [
      ...moments,
      ...when(o.corrected1, "c1 = β1*c1 + (1-β1)", "v̂1 = v1/c1"),
      ...when(o.corrected2, "c2 = β2*c2 + (1-β2)", "v̂2 = v2/c2"),
      `u = max(u, ${o.corrected2 ? "v̂2" : "v2"})`,
      `θ = θ - α*${o.corrected1 ? "v̂1" : "v1"}/${root("u", o)}`,
    ],
  },
  barzilai_borwein: {
    label: "Barzilai–Borwein",
    options: () => ["α", "variant", "safeguard"],
    prepare: barzilaiBorwein,
    lines: () => ["θ = θ - a*g"],
  },
  bfgs: {
    label: "BFGS",
    options: () => [],
    prepare: bfgs,
    lines: () => ["θ = θ + a*p"],
  },
  lbfgs: {
    label: "L-BFGS",
    options: () => [],
    prepare: lbfgs,
    lines: () => ["θ = θ + a*p"],
  },
  newton: {
    label: "Newton",
    options: ({ safeguard }) => ["safeguard", safeguard ? "Δ" : "α"],
    prepare: (problem, point, state, o) =>
      o.safeguard
        ? trustRegion(problem, point, state, o)
        : inverseHessian(problem, point, state),
    lines: ({ safeguard }) => [safeguard ? "θ = θ + p" : "θ = θ - α*p"],
  },
  newton_cg: {
    label: "Newton-CG",
    options: () => [],
    prepare: newtonCg,
    lines: () => ["θ = θ + a*p"],
  },
  gauss_newton: {
    label: "Gauss–Newton",
    options: ({ safeguard }) => ["safeguard", ...when(!safeguard, "α")],
    loss: "half_squared_error",
    prepare: gaussNewton,
    lines: ({ safeguard }) => [safeguard ? "θ = θ + a*p" : "θ = θ - α*p"],
  },
  levenberg_marquardt: {
    label: "Levenberg–Marquardt",
    options: () => ["μ", "geodesic"],
    loss: "half_squared_error",
    prepare: levenbergMarquardt,
    lines: () => ["θ = θ + p"],
  },
};

const NAME = /[\p{L}][\p{L}\p{M}\d]*/gu;
const FUNCTIONS = { sqrt: Math.sqrt, max: Math.max };

function parsed(line) {
  const [target, formula] = line.split(" = ");
  const names = [...formula.matchAll(NAME)].map(([name]) => name);
  return { target, formula, names: names.filter((name) => !(name in FUNCTIONS)) };
}

// A rule with its options: its lines, the names of its state, and the loop over all
// parameters, which changes θ and the state.
function compile(rule, options) {
  const known = new Set([...rule.options(options), "θ", "g", "a", "p"]);
  const [state, written] = [new Set(), new Set()];
  const lines = rule.lines(options).map(parsed);
  for (const { target, names } of lines) {
    for (const name of names) {
      if (!known.has(name) && !written.has(name)) state.add(name);
    }
    written.add(target);
  }
  const numbers = rule.options(options).filter((name) => !STRUCTURAL.has(name));
  const given = [...state, ...lines.flatMap(({ names }) => names)];
  const locals = [...written].filter((name) => name !== "θ" && !state.has(name));
  const loop = new Function(
    ...["params", "gradient", "state", "options", "prepared"],
    `const { sqrt, max } = Math;
    const { ${numbers.join(", ")} } = options;
    ${given.includes("a") ? "const { a } = prepared;" : ""}
    for (let i = 0; i < params.length; i++) {
      let θ = params[i], g = gradient[i];
      ${given.includes("p") ? "const p = prepared.p[i];" : ""}
      ${[...state].map((name) => `let ${name} = state.${name}[i];`).join(" ")}
      ${locals.length ? `let ${locals.join(", ")};` : ""}
      ${lines.map(({ target, formula }) => `${target} = ${formula};`).join("\n      ")}
      ${[...state].map((name) => `state.${name}[i] = ${name};`).join(" ")}
      params[i] = θ;
    }`,
  );
  return { lines, state: [...state], loop };
}

// The state before the first step.
function begin(rule, compiled, options, n) {
  const start = rule.start ? rule.start(options) : {};
  const state = { t: 0 };
  for (const name of compiled.state) state[name] = zeros(n).fill(start[name] ?? 0);
  return state;
}

// One step: θ and the state are changed; returns what was prepared for it.
function update(rule, compiled, options, problem, point, state) {
  if (state.l2 !== problem.l2) forgetEnd(state);
  const prepared = rule.prepare ? rule.prepare(problem, point, state, options) : {};
  compiled.loop(point.θ, point.g, state, options, prepared);
  Object.assign(state, prepared.state);
  state.t += 1;
  state.l2 = problem.l2;
  return prepared;
}

// Of another J the old one's slopes and end say nothing.
function forgetEnd(state) {
  for (const name of ["g", "line", "course", "stalled"]) delete state[name];
}
