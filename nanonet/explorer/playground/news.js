// How the run stands, in a sentence, and whether that is good or bad news.
function news(run, resting) {
  const { value, θ } = run.point;
  const start = run.entries[0].value;
  const { options } = run;
  const smaller = run.rule.options(options).includes("α")
    ? `α = ${written(options.α, 3)} is too large here: step back, make α smaller, go on.`
    : "Step back, or begin elsewhere.";
  if (run.ended === "not finite") {
    return [
      "bad",
      `It has diverged: after step ${run.step} J is no finite number. ${smaller}`,
    ];
  }
  if (value > 100 * start && value > 1) {
    const grown = written(value / start, 2);
    return [
      "bad",
      `It is diverging: J is ${grown} times what it was at the start. ${smaller}`,
    ];
  }
  if (run.ended === "stalled") {
    return [
      "good",
      "The rule is done: what it could still gain is below the rounding of J.",
    ];
  }
  if (run.norm < 1e-9 && resting && θ.length <= 60) return stationary(run);
  if (run.norm < 1e-6 && value > 1e-3) {
    return [
      "bad",
      "It stands still: ∇J is almost 0, and J is not. A plateau, or a minimum.",
    ];
  }
  const right = classified(run);
  if (right === run.problem.y.length) return ["good", `All ${right} examples are right.`];
  return right === null
    ? ["", ""]
    : ["", `${right} of ${run.problem.y.length} examples are right.`];
}

// How many examples are on their side of ŷ = ½; null where y is no class.
function classified({ problem, point }) {
  const { x, y, network } = problem;
  if (!y.every((each) => each === 0 || each === 1)) return null;
  return y.filter((each, n) => forward(network, point.θ, x[n]) > 0.5 === (each === 1))
    .length;
}

function stationary({ problem, point }) {
  const { values } = eigen(hessian(problem, point.θ));
  const rounding = 1e-9 * largest(values);
  const down = values.filter((each) => each < -rounding).length;
  const flat = values.filter((each) => Math.abs(each) <= rounding).length;
  if (down === values.length)
    return ["bad", "∇J = 0 at a maximum: H curves down everywhere."];
  if (down) {
    return [
      "bad",
      `∇J = 0 at a saddle: H curves down in ${down} of ${values.length} directions.`,
    ];
  }
  if (flat) return ["", `∇J = 0; H is flat in ${flat} of ${values.length} directions.`];
  return ["good", "∇J = 0 at a minimum: H curves up in every direction."];
}
