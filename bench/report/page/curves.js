// Curves of all shown runs in panels, with the median of each colour.

const MAX_PANELS = 24;
const MIN_RATIO = 1e-16; // to the largest value, below which values are outside a logarithmic panel
const MERGED = "all other axes";

function fillCurveControls() {
  const options = (list) => list.map(({ name, label }) => [name, label]);
  const { measures, probes, axes, primary } = dataset();
  if (!measureNamed(state.measure)) state.measure = primary ?? measures[0]?.name ?? probes[0]?.name;
  fill(find("measure"), { measures: options(measures), "losses and probes": options(probes) }, state.measure);
  const isTimed = datasetRuns().every((run) => run.seconds_per_step !== null);
  if (state.x === "seconds" && !isTimed) state.x = "step";
  fill(find("x-axis"), Object.entries(X_AXES).filter(([x]) => x !== "seconds" || isTimed), state.x);
  const several = axes.filter((axis) => valuesOn(axis).length > 1);
  if (!several.includes(state.colourBy)) state.colourBy = several[0] ?? axes[0];
  fill(find("colour-by"), (several.length ? several : [axes[0]]).map((axis) => [axis, AXES[axis]]), state.colourBy);
  const others = several.filter((axis) => axis !== state.colourBy);
  const panels = [["", "one panel"], ...others.map((axis) => [axis, AXES[axis]])];
  if (others.length > 1) panels.push([MERGED, MERGED]);
  if (!panels.some(([value]) => String(value) === String(state.panelBy))) state.panelBy = defaultPanels(others);
  fill(find("panel-by"), panels, state.panelBy);
}

/** One panel per setting of the other axes if there are few, else one per value of the first of them. */
function defaultPanels(others) {
  if (others.length < 2) return others[0] ?? "";
  return new Set(datasetRuns().map((run) => panelOf(run, MERGED))).size <= 12 ? MERGED : others[0];
}

function panelOf(run, by) {
  if (by === "") return "";
  if (by !== MERGED) return run.labels[by];
  const others = dataset().axes.filter((axis) => axis !== Number(state.colourBy) && valuesOn(axis).length > 1);
  return others.map((axis) => run.labels[axis]).join(" · ");
}

/** A map from key to runs, in the order of the matrix. */
function grouped(runs, key) {
  const groups = new Map();
  for (const run of runs) groups.set(key(run), [...(groups.get(key(run)) ?? []), run]);
  return groups;
}

let lastDrawing = 0; // an older drawing that is still in progress stops

async function drawCurves(shown) {
  const drawing = ++lastDrawing;
  const measure = measureNamed(state.measure);
  const colourValues = valuesOn(state.colourBy, page.runs);
  const panels = [...grouped(shown, (run) => panelOf(run, state.panelBy))];
  const drawn = panels.slice(0, MAX_PANELS);
  const lines = drawn.map(([, runs]) => runs.map((run) => lineOf(run, measure, styleNumber(run.labels[state.colourBy]))));
  const references = drawn.map(([, runs]) => referencesOf(runs, measure));
  const values = [...lines.flat().flatMap((line) => line.points.map(({ y }) => y)), ...references.flat().map(({ y }) => y)];
  const positive = values.every((y) => y === null || y > 0);
  const log = state.log && positive;
  find("log").disabled = !positive;
  find("log").checked = log;
  const shared = { measure, height: drawn.length === 1 ? 320 : 210, log, xLabel: X_AXES[state.x], ...domains(lines.flat(), values, measure, log) };
  drawCurveLegend(shown, colourValues, measure);
  find("curve-note").textContent = curveNote(shown, lines.flat(), panels.length, measure, shared);
  const figures = drawn.map(([name]) =>
    make("figure", {}, name ? make("figcaption", {}, name) : null, make("div", { class: "chart", role: "img", "aria-label": `${measure.label} against ${shared.xLabel}${name ? `, ${name}` : ""}` })),
  );
  find("panels").classList.toggle("one", figures.length === 1);
  find("panels").replaceChildren(...figures);
  for (const [index, figure] of figures.entries()) {
    if (drawing !== lastDrawing) return;
    await drawChart(figure.querySelector(".chart"), { ...shared, lines: lines[index], medians: mediansOf(lines[index], measure), references: references[index] });
  }
}

/** The number of the style of a value on the axis of colours, as in the figures. */
function styleNumber(value) {
  return page.style_numbers[state.colourBy][value] ?? valuesOn(state.colourBy, page.runs).indexOf(value);
}

function lineOf(run, measure, series) {
  return { run, series, points: curve(run, measure, state.x).filter(({ x }) => x !== null) };
}

/** Reference values in the unit that is displayed: real data, untrained generators, and from where runs have learned. */
function referencesOf(runs, measure) {
  const untrained = runs.map((run) => curve(run, measure, "step").find(({ step }) => step === 0)?.y).filter((y) => y !== null && y !== undefined);
  const isMeasure = dataset().measures.includes(measure);
  const references = [];
  if (measure.real !== null) references.push({ kind: "real", y: measure.real * measure.scale });
  if (isMeasure && untrained.length) references.push({ kind: "untrained", y: untrained.reduce((sum, y) => sum + y, 0) / untrained.length });
  const learned = learnedFrom(runs, measure);
  if (learned.length) references.push({ kind: "learned", y: median(learned) * measure.scale });
  return references;
}

/** The value of a measure from which each run has learned, if the outcomes are decided by this measure. */
function learnedFrom(runs, measure) {
  return measure.name === dataset().primary ? runs.map((run) => run.learned_from).filter((y) => y !== null) : [];
}

/**
 * The median over the runs of a colour, at the steps at which every unfinished one was evaluated. After its last value
 * a diverged run counts as the worst, so that it does not flatter the others; where half have diverged the line ends.
 */
function mediansOf(lines, { higher }) {
  const worst = higher === null ? [] : [higher ? -Infinity : Infinity];
  return [...grouped(lines, ({ series }) => series)].flatMap(([series, group]) => {
    const known = group.map(({ run, points }) => ({ run, points: points.filter(({ y }) => y !== null) })).filter(({ points }) => points.length);
    const steps = grouped(known.flatMap(({ points }) => points), ({ step }) => step);
    const hasEnded = ({ points }, step) => points.at(-1).step < step;
    return [...steps]
      .filter(([step, points]) => points.length + known.filter((line) => hasEnded(line, step)).length >= known.length)
      .sort(([one], [other]) => one - other)
      .map(([step, points]) => {
        const diverged = known.filter((line) => isDiverged(line.run) && hasEnded(line, step));
        const y = median([...points.map((point) => point.y), ...diverged.flatMap(() => worst)]);
        return { series, x: median(points.map(({ x }) => x)), y: Number.isFinite(y) ? y : null };
      });
  });
}

function domains(lines, values, measure, log) {
  const known = values.filter((y) => y !== null);
  const [low, high] = [known.reduce((one, other) => Math.min(one, other), Infinity), known.reduce((one, other) => Math.max(one, other), -Infinity)];
  const floor = log ? Math.max(low, high * MIN_RATIO) : measure.higher && low > 0 ? 0 : low;
  return {
    xMax: lines.reduce((max, { points }) => points.reduce((far, { x }) => Math.max(far, x), max), 0),
    yDomain: known.length ? [floor, high] : [0, 1],
    isCut: known.length > 0 && low < floor,
  };
}

function curveNote(shown, lines, panels, measure, { isCut, yDomain }) {
  const missing = shown.length - lines.filter(({ points }) => points.some(({ y }) => y !== null)).length;
  const parts = ["Thin: every run. Thick: median per colour, in which a diverged run counts as the worst from then on. Hover over a line to identify its run; click to open it."];
  if (measure.about && measure.about !== measure.label) parts.unshift(`${measure.label}: ${measure.about}.`);
  if (missing > 0) parts.push(`${missing} of ${shown.length} runs have no ${measure.label} against ${X_AXES[state.x]}.`);
  if (measure.real !== null && measure.higher !== null) parts.push("Real data is a finite sample too, so a good run can score slightly better by chance.");
  if (isCut) parts.push(`Values below ${formatNumber(yDomain[0], ".1g")} are outside the panels.`);
  if (panels > MAX_PANELS) parts.push(`First ${MAX_PANELS} of ${panels} panels; use the filters to see the others.`);
  return shown.length ? parts.join(" ") : NO_RUNS;
}

function drawCurveLegend(shown, colourValues, measure) {
  const present = new Set(shown.map((run) => run.labels[state.colourBy]));
  const entry = (text, sample) => make("li", {}, make("span", { "aria-hidden": "true" }, sample), text);
  const items = colourValues
    .map((value) => [value, seriesStyle(styleNumber(value))])
    .filter(([value]) => present.has(value))
    .map(([value, { colour: stroke, dash }]) => entry(value, lineSample(stroke, dash, 2.2)));
  if (measure.real !== null) items.push(entry("real data", lineSample(colour("real"), [], 3)));
  if (dataset().measures.includes(measure)) items.push(entry("untrained", lineSample(colour("muted"), [1, 3], 1.2)));
  if (learnedFrom(shown, measure).length) items.push(entry("threshold for having learned", lineSample(colour("ink"), LEARNED_DASH, 1)));
  if (shown.some(isDiverged)) items.push(entry("diverged", "✕"));
  if (shown.some((run) => isFailed(run) && !isDiverged(run))) items.push(entry("other failure", "○"));
  find("curve-legend").replaceChildren(...items);
}

function listenToCurveControls() {
  const bind = (id, key, value = (control) => control.value) =>
    find(id).addEventListener("change", (event) => {
      state[key] = value(event.target);
      fillCurveControls();
      refresh();
    });
  bind("measure", "measure");
  bind("x-axis", "x");
  bind("colour-by", "colourBy", (control) => Number(control.value));
  bind("panel-by", "panelBy", (control) => (/^\d+$/.test(control.value) ? Number(control.value) : control.value));
  bind("log", "log", (control) => control.checked);
}
