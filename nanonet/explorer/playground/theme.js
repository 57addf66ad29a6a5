// The colors of the page, light or dark, and of the rules.

const THEME = {};

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "soft", "line", "paper", "zero", "one", "good", "bad"]) {
    THEME[name] = style.getPropertyValue(`--${name}`).trim();
  }
  const [ink, paper, zero, one] = ["ink", "paper", "zero", "one"].map((name) =>
    channels(THEME[name]),
  );
  const shares = Array.from({ length: 256 }, (_, k) => k / 255);
  THEME.answers = shares.map((k) =>
    mix(paper, k < 0.5 ? zero : one, 0.75 * Math.abs(2 * k - 1)),
  );
  THEME.heights = shares.map((k) => mix(ink, paper, 0.8 + 0.2 * k));
}

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// nanonet's colors of the rules, after Okabe and Ito.
const RULE_COLORS = {
  ...{ momentum: "#E69F00", rmsprop: "#009E73", adagrad: "#009E73", adam: "#0072B2" },
  ...{ adamw: "#0072B2", amsgrad: "#0072B2", newton: "#D55E00" },
  ...{ newton_cg: "#D55E00", bfgs: "#CC79A7", lbfgs: "#CC79A7" },
  ...{ gauss_newton: "#5C4A1F", levenberg_marquardt: "#5C4A1F" },
  barzilai_borwein: "#56B4E9",
};
const colorOf = (rule) => {
  const color = RULE_COLORS[rule];
  if (!color) return THEME.ink;
  const dark = document.documentElement.dataset.theme === "dark";
  return dark ? `rgb(${mix(channels(color), [255, 255, 255], 0.3).join(" ")})` : color;
};

const mix = (a, b, share) => a.map((each, i) => each + share * (b[i] - each));
