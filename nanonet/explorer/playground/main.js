// The page begins: its buttons and keys, its theme, and the state its address names.

function theme(choice) {
  document.documentElement.dataset.theme = choice;
  $("theme").textContent = choice === "dark" ? "light" : "dark";
  readTheme();
  page.dirty = true;
}

function connect() {
  $("start").addEventListener("click", () => go(0));
  $("back").addEventListener("click", () => go(page.run.step - 1));
  $("step").addEventListener("click", () => go(page.run.step + 1));
  $("play").addEventListener("click", () => playing(!page.playing));
  $("keep").addEventListener("click", keep);
  $("share").addEventListener("click", share);
  $("learn").addEventListener("click", chooseTable);
  $("history").addEventListener("input", () => go(Number($("history").value)));
  $("speed").addEventListener(
    "change",
    () => (page.settings.speed = Number($("speed").value)),
  );
  for (const name of ["across", "up", "weight", "example"]) {
    $(name).addEventListener("change", () => pick(name, Number($(name).value)));
  }
  $("value").addEventListener("change", beginWith);
  $("numbers").addEventListener("toggle", () => (page.dirty = true));
  $("theme").addEventListener("click", () =>
    theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  );
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  addEventListener("hashchange", open);
  addEventListener("keydown", pressed);
}

function pressed(event) {
  if (/^(INPUT|SELECT|TEXTAREA|BUTTON|SUMMARY)$/.test(event.target.tagName)) return;
  const moves = {
    " ": () => playing(!page.playing),
    ArrowRight: () => go(page.run.step + 1),
    ArrowLeft: () => go(page.run.step - 1),
    Home: () => go(0),
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
}

function pick(name, index) {
  page.settings[name] = index;
  if (name === "weight") {
    $("numbers").open = true;
    $("weight").value = index;
  }
  if (name === "across" || name === "up") page.landscape.reset();
  page.dirty = true;
}

function keep() {
  const { name, rule, options, entries } = page.run;
  const alpha = rule.options(options).includes("α") ? `, α = ${written(options.α, 3)}` : "";
  page.kept = [
    ...page.kept.slice(-3),
    { name, label: rule.label + alpha, entries: [...entries] },
  ];
  page.dirty = true;
}

async function share() {
  history.replaceState(null, "", `#${toFragment(page.settings, page.run)}`);
  let copied = true;
  await navigator.clipboard.writeText(location.href).catch(() => (copied = false));
  $("share").textContent = copied ? "address copied" : "it is in the address bar";
  setTimeout(() => ($("share").textContent = "share"), 2000);
}

// Begin anew with one parameter at this number.
function beginWith() {
  const number = Number($("value").value);
  if ($("value").value === "" || !Number.isFinite(number)) return;
  const { settings } = page;
  const others = settings.at
    .split(" ")
    .filter((each) => each && !each.startsWith(`${settings.weight}:`));
  restart({ at: [...others, `${settings.weight}:${number}`].join(" ") });
}

// The state that the address names.
function open() {
  const { settings, options, changes, step } = fromFragment(location.hash.slice(1));
  Object.assign(page, {
    settings: { ...DEFAULTS },
    kept: [],
    playing: false,
    target: null,
  });
  page.run = null;
  restart({}, usualOptions(DEFAULTS.rule));
  restart(settings, options);
  let now = page.run.options;
  for (const { step: at, name, value } of changes) {
    now = { ...now, [name]: value };
    page.run.changes = page.run.changes.filter((change) => change.step < at);
    page.run.changes.push({ step: at, options: now });
  }
  if (step) page.target = step;
}

const again = () => (page.dirty = true);
page.diagram = new Diagram($("diagram"), (index) => pick("weight", index), again);
page.answer = new Chart($("answer"), again);
page.losses = new Losses($("losses"), again);
page.landscape = new Landscape($("landscape"), again);
theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
connect();
open();
requestAnimationFrame(frame);
