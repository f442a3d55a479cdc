// The data of the page, the current selection, and the formatting of numbers.

const page = JSON.parse(document.getElementById("data").textContent);
const AXES = page.axes; // names of the axes in a run's `labels`, without the dataset

const state = {
  dataset: 0,
  axes: {}, // index of an axis → the selected value
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
  images: "samples seen by the critic",
  seconds: "training time (s), timed alone",
};

const NO_RUNS = "No run matches the filters.";

const dataset = () => page.datasets[state.dataset];
const datasetRuns = () => page.runs.filter((run) => run.dataset === state.dataset);
const outcomeOf = (run) => page.outcomes[run.outcome];
const measureNamed = (name, of = dataset()) => [...of.measures, ...of.probes].find((measure) => measure.name === name);
const runById = (id) => page.runs.find((run) => run.id === id);
const cellOf = (run) => page.datasets[run.dataset].cells[run.cell];
const titleOf = (run) => `${page.datasets[run.dataset].name} · ${cellOf(run)} · seed ${run.seed}`;
const isFailed = (run) => !["stable", "unresolved"].includes(outcomeOf(run).name);
const isDiverged = (run) => outcomeOf(run).name === "diverged";

/** The runs of the dataset that match the filters; "seed 1" is one word and does not match seed 10. */
function shownRuns() {
  const words = state.text.toLowerCase().replace(/seed\s+(\d+)/g, "seed:$1;").split(/\s+/).filter(Boolean);
  return datasetRuns().filter(
    (run) =>
      Object.entries(state.axes).every(([axis, value]) => run.labels[axis] === value) &&
      (state.outcome === "" || outcomeOf(run).name === state.outcome) &&
      words.every((word) => searchText(run).includes(word) || (word.length > 3 && run.id.startsWith(word))),
  );
}

function searchText(run) {
  run.search ??= [...run.labels, `seed:${run.seed};`, outcomeOf(run).name, run.reason].join(" ").toLowerCase();
  return run.search;
}

/** Values on an axis in the order of the matrix. */
function valuesOn(axis, runs = datasetRuns()) {
  return [...new Set(runs.map((run) => run.labels[axis]))];
}

const evaluationSteps = (run) => page.pool[run.evaluation_steps];

/** A column of a run's trace; a constant column is stored as one value. */
function column(run, name) {
  const stored = run.trace[name];
  if (stored === undefined) return null;
  return Array.isArray(stored) ? stored : evaluationSteps(run).map(() => stored);
}

/** The evaluations of a run on the horizontal axis; null if unknown. */
function positions(run, x) {
  const steps = evaluationSteps(run);
  const factor = { step: 1, critic: run.critic_steps, images: run.images_per_step, seconds: run.seconds_per_step }[x];
  return factor ? steps.map((step) => step * factor) : null;
}

/** The curve of a measure of a run as [{x, y, step}, ...], in the unit that is displayed. */
function curve(run, measure, x) {
  const xs = positions(run, x);
  const values = column(run, measure.name);
  if (!xs || !values) return [];
  const steps = evaluationSteps(run);
  return xs.map((value, index) => ({
    x: value,
    y: values[index] === null ? null : values[index] * measure.scale,
    step: steps[index],
  }));
}

/** A number in Python's format "f" or "g"; the latter without trailing zeros. */
function formatNumber(value, spec = ".4g", scale = 1) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const digits = Number(spec.slice(1, -1));
  const scaled = value * scale;
  if (spec.endsWith("f")) return withCommas(scaled.toFixed(digits)).replace("-", "−");
  const size = Math.abs(scaled);
  const exponent = size === 0 ? 0 : Math.floor(Math.log10(size));
  let text = exponent < -4 || exponent >= Math.max(digits, 6) ? scaled.toExponential(digits - 1) : scaled.toPrecision(digits);
  if (text.includes("e") && exponent >= -4 && exponent < 6) text = String(Number(text));
  text = text.includes(".") ? text.replace(/0+(e|$)/, "$1").replace(/\.(e|$)/, "$1") : text;
  return withPowers(withCommas(text)).replace("-", "−");
}

/** Commas between thousands: 12,345.6 for 12345.6. */
const withCommas = (text) => text.replace(/^-?\d{4,}(?=\.|$)/, (whole) => Number(whole).toLocaleString("en"));

/** Powers of ten as in the tables: 1.1·10⁻⁵ for 1.1e-5. */
function withPowers(text) {
  return text.replace(/e([+-]?)(\d+)$/, (_, sign, digits) => `·10${sign === "-" ? "⁻" : ""}${[...digits].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`);
}

const formatCount = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
