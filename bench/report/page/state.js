// The data of the page, what is chosen of it, and how its numbers are written.

const page = JSON.parse(document.getElementById("data").textContent);
const AXES = page.axes; // of every run's `at`; the dataset is apart

const state = {
  dataset: 0,
  axes: {}, // index of an axis → the text chosen there
  outcome: "",
  text: "",
  measure: "",
  x: "step",
  colourBy: 0,
  panelBy: "",
  log: true,
  sort: { key: "", descending: false },
};

const X_AXES = {
  step: "generator steps",
  critic: "critic steps",
  images: "images seen by the critic",
  seconds: "seconds of training",
};

const dataset = () => page.datasets[state.dataset];
const runsHere = () => page.runs.filter((run) => run.dataset === state.dataset);
const outcomeOf = (run) => page.outcomes[run.outcome];
const measureNamed = (name, of = dataset()) => [...of.measures, ...of.probes].find((each) => each.name === name);
const runById = (id) => page.runs.find((run) => run.id === id);
const cellOf = (run) => page.datasets[run.dataset].cells[run.cell];
const titleOf = (run) => `${page.datasets[run.dataset].name} · ${cellOf(run)} · seed ${run.seed}`;
const isFailed = (run) => outcomeOf(run).name !== "converged";
const isDiverged = (run) => outcomeOf(run).name === "diverged";

/** The runs of the dataset that the filters let through; "seed 1" is one word, and not the seed 10. */
function shownRuns() {
  const words = state.text.toLowerCase().replace(/seed\s+(\d+)/g, "seed:$1;").split(/\s+/).filter(Boolean);
  return runsHere().filter(
    (run) =>
      Object.entries(state.axes).every(([axis, value]) => run.at[axis] === value) &&
      (state.outcome === "" || outcomeOf(run).name === state.outcome) &&
      words.every((word) => searchText(run).includes(word) || (word.length > 3 && run.id.startsWith(word))),
  );
}

function searchText(run) {
  run.search ??= [...run.at, `seed:${run.seed};`, outcomeOf(run).name, run.reason].join(" ").toLowerCase();
  return run.search;
}

/** Values on an axis in the order of the matrix. */
function valuesOn(axis, runs = runsHere()) {
  return [...new Set(runs.map((run) => run.at[axis]))];
}

/** A column of a run's trace; one that is the same everywhere is kept once. */
function column(run, name) {
  const kept = run.trace[name];
  if (kept === undefined) return null;
  return Array.isArray(kept) ? kept : page.pool[run.grid].map(() => kept);
}

/** Where the evaluations of a run are on the horizontal axis; null where that is not known. */
function positions(run, x) {
  const steps = page.pool[run.grid];
  if (x === "seconds") return column(run, "seconds");
  const factor = { step: 1, critic: run.critic_steps, images: run.critic_steps * run.batch_size }[x];
  return factor ? steps.map((step) => step * factor) : null;
}

/** [{x, y}, ...] of a measure of a run, in the unit that people read. */
function curve(run, measure, x) {
  const places = positions(run, x);
  const values = column(run, measure.name);
  if (!places || !values) return [];
  return places.map((place, index) => ({
    x: place,
    y: values[index] === null ? null : values[index] * measure.scale,
    step: page.pool[run.grid][index],
  }));
}

/** A number as Python's format writes it with "f" or "g", without the zeros at the end of the latter. */
function write(value, spec = ".4g", scale = 1) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const digits = Number(spec.slice(1, -1));
  const scaled = value * scale;
  if (spec.endsWith("f")) return scaled.toFixed(digits).replace("-", "−");
  const size = Math.abs(scaled);
  const exponent = size === 0 ? 0 : Math.floor(Math.log10(size));
  let text = exponent < -4 || exponent >= Math.max(digits, 6) ? scaled.toExponential(digits - 1) : scaled.toPrecision(digits);
  if (text.includes("e") && exponent >= -4 && exponent < 6) text = String(Number(text));
  text = text.includes(".") ? text.replace(/0+(e|$)/, "$1").replace(/\.(e|$)/, "$1") : text;
  return text.replace("e+", "e").replaceAll("-", "−");
}

const writeCount = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
