// The page: what was chosen, the run, and a frame after another.

const SPEEDS = [1, 10, 100, 1000];
const FRAME = 9; // milliseconds of each that steps may take
// Milliseconds between tables, news, and pictures of the network and its answers, while
// it runs.
const [TABLES, NEWS, ANSWERS] = [200, 100, 50];
const COUNT = new Intl.NumberFormat("en");

const page = {
  ...{ settings: null, run: null, kept: [], playing: false, dirty: true, target: null },
  ...{ parts: [], names: [], frames: 0, told: 0, said: 0, answered: 0 },
};

// A run from its start; where the settings are wrong, the old one stays, and it is said.
function restart(change = {}, options = null) {
  const settings = { ...page.settings, ...change };
  try {
    const made = problemOf(settings);
    if (settings.loss === "binary_cross_entropy" && settings.output !== "sigmoid") {
      settings.loss = made.problem.loss = "half_squared_error";
    }
    if (RULES[settings.rule].loss && settings.loss !== RULES[settings.rule].loss) {
      throw new Error(
        `${RULES[settings.rule].label} needs J to be a sum of squares: ½(ŷ − y)².`,
      );
    }
    page.run = new Run(
      made.problem,
      made.test,
      settings.rule,
      options ?? page.run.options,
      made.θ,
    );
    page.parts = [made.problem, ...(made.test ? [made.test] : [])];
    page.heads = made.all.heads;
    page.settings = settings;
    $("wrong").textContent = "";
  } catch (error) {
    $("wrong").textContent = error.message;
    buildControls();
    return;
  }
  const { problem } = page.run;
  page.names = parameterNames(problem.network);
  const { settings: now } = page;
  now.example = Math.min(now.example, problem.x.length - 1);
  for (const [name, usual] of [
    ["across", 0],
    ["up", 2],
    ["weight", 6],
  ]) {
    if (!(now[name] < page.names.length))
      now[name] = Math.min(usual, page.names.length - 1);
  }
  if (now.up === now.across) now.up = (now.across + 1) % page.names.length;
  page.diagram.build(problem.network, page.names);
  page.losses.reset();
  page.landscape.reset();
  buildControls();
  moved();
}

function chooseData({ data, ...rest }) {
  if (data === "own" && !page.settings.table) {
    $("own").open = true;
    $("table").focus();
    buildControls();
    return;
  }
  page.kept = [];
  if (!data) return restart(rest);
  const table = data === "own" ? readTable(page.settings.table, page.settings.scale) : null;
  const suggested = suggestion(data, table);
  const options = usualOptions(page.settings.rule, isLogic(data));
  restart({ data, ...suggested, loss: "half_squared_error", ...rest }, options);
}

function chooseTable() {
  const [table, scale] = [$("table").value, $("scale").checked];
  try {
    readTable(table, scale);
  } catch (error) {
    $("wrong").textContent = error.message;
    return;
  }
  Object.assign(page.settings, { table, scale });
  chooseData({ data: "own" });
}

function chooseRule(rule) {
  const { l2 } = page.run.options;
  restart({ rule }, { ...usualOptions(rule, isLogic(page.settings.data)), l2 });
}

// Numbers act on the run as it goes; all else begins anew.
function chooseOption(name, value) {
  const options = { ...page.run.options, [name]: value };
  if (STRUCTURAL.has(name) || OPTIONS[name].start) return restart({}, options);
  page.run.change(options);
  moved();
}

function chooseNetwork(change) {
  page.kept = [];
  restart(change);
}

function buildControls() {
  const { settings, run } = page;
  const labels = Object.entries(RULES).map(([name, { label }]) => [name, label]);
  $("rules").replaceChildren(
    menuRow("rule", Object.fromEntries(labels), settings.rule, chooseRule),
  );
  $("options").replaceChildren(...optionRows(run.rule, run.options, chooseOption));
  $("data").replaceChildren(...dataRows(settings, chooseData));
  $("network").replaceChildren(
    ...networkRows(
      settings,
      run.problem.network.sizes,
      chooseNetwork,
      run.options.l2,
      (l2) => chooseOption("l2", l2),
    ),
  );
  fillMenu($("speed"), SPEEDS, settings.speed);
  const names = Object.fromEntries(
    page.names.map((name, i) => [i, name.replaceAll("_", " ")]),
  );
  for (const name of ["across", "up", "weight"]) fillMenu($(name), names, settings[name]);
  const { x, y } = run.problem;
  const examples = Array.from(y, (each, n) => [
    n,
    `${n + 1}: x = (${Array.from(x[n], (one) => short3(one)).join(", ")}), y = ${short3(each)}`,
  ]);
  fillMenu($("example"), Object.fromEntries(examples), settings.example);
  if (settings.table) $("table").value = settings.table;
  $("scale").checked = settings.scale;
}

// After any move: everything is to be drawn, and the address is another.
function moved() {
  page.dirty = true;
  page.landscape.stale = true;
}

function go(step) {
  page.playing = false;
  page.target = null;
  const before = page.run.options;
  page.run.goTo(Math.max(0, step));
  if (page.run.options !== before) buildControls();
  moved();
}

function playing(on) {
  page.playing = on && !page.run.ended;
  page.target = null;
  page.dirty = true;
}

// As many steps as were asked for, if there is time for them in a frame.
function advance(steps) {
  const until = performance.now() + FRAME;
  const before = page.run.options;
  for (let k = 0; k < steps && !page.run.ended; k++) {
    page.run.forth();
    if (performance.now() > until) break;
  }
  if (page.run.options !== before) buildControls();
  moved();
}

function frame(now) {
  requestAnimationFrame(frame);
  page.frames += 1;
  const { run, target } = page;
  if (target !== null) {
    advance(target - run.step);
    if (page.run.ended || run.step >= target) page.target = null;
  } else if (page.playing) {
    advance(page.settings.speed);
    if (run.ended) page.playing = false;
  }
  const moving = page.playing || page.target !== null;
  const { settings } = page;
  const plane = [settings.across, settings.up];
  if (page.dirty || page.landscape.coming || page.landscape.stale) {
    page.landscape.advance(run, plane, moving);
    show(plane, moving, now);
  }
}

function show(plane, moving, now) {
  const { run, settings, names, kept } = page;
  const turn = moving ? page.frames % 2 : null; // every second frame is enough for these
  if (page.dirty) {
    if (turn !== 1) page.losses.draw(run, kept);
    showRun();
    page.dirty = false;
    page.behind = page.unsaid = page.unanswered = true;
  }
  if (page.unanswered && (!moving || now > page.answered + ANSWERS)) {
    const { x } = run.problem;
    page.diagram.update(run.point.θ, x[settings.example], settings.weight);
    drawAnswer(page.answer, run, page.parts, page.heads ?? ["x1", "x2"]);
    [page.unanswered, page.answered] = [false, now];
  }
  if (page.unsaid && (!moving || now > page.said + NEWS)) {
    const [kind, words] = news(run, !moving);
    say($("news"), words);
    put($("news"), "class", kind);
    [page.unsaid, page.said] = [false, now];
  }
  if (turn !== 0) page.landscape.draw(run, plane, names, kept);
  if (page.behind && (!moving || now > page.told + TABLES)) {
    showTables();
    if (!moving)
      later(() => history.replaceState(null, "", `#${toFragment(settings, page.run)}`));
    page.told = now;
    page.behind = false;
  }
}

// Soon, but once: browsers refuse an address that changes too often.
function later(act) {
  clearTimeout(page.timer);
  page.timer = setTimeout(act, 250);
}

function showRun() {
  const { run } = page;
  const test = run.test ? `, of the test ${written(value(run.test, run.point.θ), 4)}` : "";
  $("status").textContent = [
    `step ${COUNT.format(run.step)}`,
    `J = ${written(run.point.value)}${test}`,
    `‖∇J‖ = ${written(run.norm, 3)}`,
  ].join("   ");
  $("history").max = run.last;
  $("history").value = run.step;
  say($("play"), page.playing ? "pause" : "play");
  $("play").disabled = $("step").disabled = Boolean(run.ended);
  $("back").disabled = $("start").disabled = run.step === 0;
}
