// The tables of a step on the page.

function showTables() {
  if (!$("numbers").open) return;
  const { run, settings, names } = page;
  const { problem, point } = run;
  const [n, k] = [settings.example, settings.weight];
  const [x, y] = [problem.x[n], problem.y[n]];
  const chain = chainRule(problem, point.θ, x, y, k);
  const few = problem.x.length <= 8;
  const others = few
    ? Array.from(problem.x, (row, i) => [
        `of example ${i + 1}`,
        "",
        "",
        chainRule(problem, point.θ, row, problem.y[i], k).value,
      ])
    : [];
  const slope = [`∂J/∂${names[k]}`, chain.symbols, "", ""];
  const rows = [
    slope,
    ["", `= ${chain.formulas}`, "", ""],
    ["", `= ${chain.numbers}`, "", chain.value],
  ];
  const penalty = penaltySlope(run, k);
  const mean = ["g", `the mean over ${problem.x.length} examples${penalty}`, "", point.g[k]];
  if (document.activeElement !== $("value")) $("value").value = written(point.θ[k]);
  $("tables").className = "tables";
  $("tables").innerHTML =
    `<div>${tableOf(`Forward, example ${n + 1}`, forwardRows(problem, point.θ, x, y))}
    ${tableOf(`The chain rule, example ${n + 1}`, [...rows, ...others, mean], true)}</div>
    <div>${tableOf(`The rule: step ${run.step + 1} of ${names[k]}`, ruleRows(run, k), true)}</div>`;
}

function tableOf(title, rows, last = false) {
  const body = rows.map(([symbol, formula, put, result], i) => {
    const numbers = put ? `<br><span class="put">= ${typeset(put)}</span>` : "";
    const number = typeof result === "number" ? typeset(written(result, 9)) : "";
    return `<tr${last && i === rows.length - 1 ? ' class="last"' : ""}>
      <td>${typeset(symbol)}</td><td>${typeset(formula)}${numbers}</td>
      <td class="result">${number}</td></tr>`;
  });
  return `<table><caption>${typeset(title)}</caption>${body.join("")}</table>`;
}

// For the page: subscripts, and the signs of mathematics.
function typeset(text) {
  return String(text)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/\((\p{L}\p{M}?\d?)\*\1\)/gu, "$1²")
    .replace(/\*/g, "·")
    .replace(/-/g, "−")
    .replace(/sqrt/g, "√")
    .replace(
      /(out|[wbz])_([\w.]+)/g,
      (_, base, rest) => `${base}<sub>${rest.replace(/_/g, ",")}</sub>`,
    )
    .replace(/(?<![\p{L}\d.>,])(\p{L}\p{M}?)(\d)(?![\d.])/gu, "$1<sub>$2</sub>");
}
