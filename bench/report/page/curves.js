// Curves of all runs that are shown, in panels, with the median of each colour.

const PANELS = 24; // drawn at the most
const DEEP = 1e-16; // of the largest value: what is below is below a logarithmic panel
const MERGED = "all other axes";

function fillCurveControls() {
  const options = (list) => list.map(({ name, label }) => [name, label]);
  const { measures, probes, axes, primary } = dataset();
  if (!measureNamed(state.measure)) state.measure = primary ?? measures[0]?.name ?? probes[0]?.name;
  fill(find("measure"), { measures: options(measures), "losses and probes": options(probes) }, state.measure);
  fill(find("x-axis"), Object.entries(X_AXES), state.x);
  const several = axes.filter((axis) => valuesOn(axis).length > 1);
  if (!several.includes(state.colourBy)) state.colourBy = several[0] ?? axes[0];
  fill(find("colour-by"), (several.length ? several : [axes[0]]).map((axis) => [axis, AXES[axis]]), state.colourBy);
  const others = several.filter((axis) => axis !== state.colourBy);
  const panels = [["", "one for all"], ...others.map((axis) => [axis, AXES[axis]])];
  if (others.length > 1) panels.push([MERGED, MERGED]);
  if (!panels.some(([value]) => String(value) === String(state.panelBy))) state.panelBy = usualPanels(others);
  fill(find("panel-by"), panels, state.panelBy);
}

/** A panel for every setting of the other axes where that can be read, else one for each value of one of them. */
function usualPanels(others) {
  if (others.length < 2) return others[0] ?? "";
  return new Set(runsHere().map((run) => panelOf(run, MERGED))).size <= 12 ? MERGED : others[0];
}

function panelOf(run, by) {
  if (by === "") return "";
  if (by !== MERGED) return run.at[by];
  const others = dataset().axes.filter((axis) => axis !== Number(state.colourBy) && valuesOn(axis).length > 1);
  return others.map((axis) => run.at[axis]).join(" · ");
}

/** Name → runs, in the order of the matrix. */
function grouped(runs, key) {
  const groups = new Map();
  for (const run of runs) groups.set(key(run), [...(groups.get(key(run)) ?? []), run]);
  return groups;
}

let curvesDrawn = 0; // the newest drawing; an older one that is still at work stops

async function drawCurves(shown) {
  const turn = ++curvesDrawn;
  const measure = measureNamed(state.measure);
  const places = valuesOn(state.colourBy, page.runs); // a value has one look for every dataset
  const panels = [...grouped(shown, (run) => panelOf(run, state.panelBy))];
  const drawn = panels.slice(0, PANELS);
  const lines = drawn.map(([, runs]) => runs.map((run) => lineOf(run, measure, places.indexOf(run.at[state.colourBy]))));
  const levels = drawn.map(([, runs]) => levelsOf(runs, measure));
  const values = [...lines.flat().flatMap((line) => line.points.map(({ y }) => y)), ...levels.flat().map(({ y }) => y)];
  const positive = values.every((y) => y === null || y > 0);
  const log = state.log && positive;
  find("log").disabled = !positive;
  find("log").checked = log;
  const shared = { measure, height: drawn.length === 1 ? 320 : 210, log, xLabel: X_AXES[state.x], ...domains(lines.flat(), values, measure, log) };
  drawCurveLegend(shown, places, measure);
  find("curve-note").textContent = curveNote(shown, lines.flat(), panels.length, measure, shared);
  const figures = drawn.map(([name]) =>
    make("figure", {}, name ? make("figcaption", {}, name) : null, make("div", { class: "chart", role: "img", "aria-label": `${measure.label} over ${shared.xLabel}${name ? `, ${name}` : ""}` })),
  );
  find("panels").classList.toggle("one", figures.length === 1);
  find("panels").replaceChildren(...figures);
  for (const [index, figure] of figures.entries()) {
    if (turn !== curvesDrawn) return;
    await drawChart(figure.querySelector(".chart"), { ...shared, lines: lines[index], medians: mediansOf(lines[index], measure), levels: levels[index] });
  }
}

function lineOf(run, measure, place) {
  return { run, place, points: curve(run, measure, state.x).filter(({ x }) => x !== null) };
}

/** Real data and the untrained generators, in the unit that people read. */
function levelsOf(runs, measure) {
  const first = runs.map((run) => curve(run, measure, "step").find(({ step }) => step === 0)?.y).filter((y) => y !== null && y !== undefined);
  const isMeasure = dataset().measures.includes(measure);
  const levels = [];
  if (measure.real !== null) levels.push({ kind: "real", y: measure.real * measure.scale });
  if (isMeasure && first.length) levels.push({ kind: "untrained", y: first.reduce((sum, y) => sum + y, 0) / first.length });
  return levels;
}

/**
 * The median over the runs of a colour, at every step that one of them was evaluated at. A run that diverged has the
 * worst value from then on, so that the others do not look better for it; where half have diverged the line ends.
 */
function mediansOf(lines, { higher }) {
  const worst = higher === null ? [] : [higher ? -Infinity : Infinity];
  return [...grouped(lines, ({ place }) => place)].flatMap(([place, group]) => {
    const known = group.map(({ run, points }) => ({ run, points: points.filter(({ y }) => y !== null) }));
    const steps = grouped(known.flatMap(({ points }) => points), ({ step }) => step);
    return [...steps]
      .sort(([one], [other]) => one - other)
      .map(([step, points]) => {
        const gone = known.filter(({ run, points: own }) => isDiverged(run) && (own.at(-1)?.step ?? -1) < step);
        const y = median([...points.map((point) => point.y), ...gone.flatMap(() => worst)]);
        return { place, x: median(points.map(({ x }) => x)), y: Number.isFinite(y) ? y : null };
      });
  });
}

function domains(lines, values, measure, log) {
  const known = values.filter((y) => y !== null);
  const [low, high] = [known.reduce((one, other) => Math.min(one, other), Infinity), known.reduce((one, other) => Math.max(one, other), -Infinity)];
  const floor = log ? Math.max(low, high * DEEP) : measure.higher && low > 0 ? 0 : low;
  return {
    xMost: lines.reduce((most, { points }) => points.reduce((far, { x }) => Math.max(far, x), most), 0),
    yDomain: known.length ? [floor, high] : [0, 1],
    isCut: known.length > 0 && low < floor,
  };
}

function curveNote(shown, lines, panels, measure, { isCut, yDomain }) {
  const lacking = shown.length - lines.filter(({ points }) => points.some(({ y }) => y !== null)).length;
  const parts = ["Thin: every run. Thick: the median of a colour, in which a run that diverged is the worst from then on. Point at a line for its run, click to open it."];
  if (measure.about && measure.about !== measure.label) parts.unshift(`${measure.label}: ${measure.about}.`);
  if (lacking > 0) parts.push(`${lacking} of ${shown.length} runs have no ${measure.label} over ${X_AXES[state.x]}.`);
  if (isCut) parts.push(`Values under ${write(yDomain[0], ".1g")} are below the panels.`);
  if (panels > PANELS) parts.push(`The first ${PANELS} of ${panels} panels; filters show the others.`);
  return shown.length ? parts.join(" ") : "No run is left by the filters.";
}

function drawCurveLegend(shown, places, measure) {
  const present = new Set(shown.map((run) => run.at[state.colourBy]));
  const entry = (text, sample) => make("li", {}, make("span", { "aria-hidden": "true" }, sample), text);
  const items = places
    .map((value, place) => [value, look(place)])
    .filter(([value]) => present.has(value))
    .map(([value, { colour: own, dash }]) => entry(value, lineSample(own, dash, 2.2)));
  if (measure.real !== null) items.push(entry("real data", lineSample(colour("real"), [], 3)));
  if (dataset().measures.includes(measure)) items.push(entry("untrained", lineSample(colour("muted"), [1, 3], 1.2)));
  if (shown.some(isDiverged)) items.push(entry("diverged", "✕"));
  if (shown.some((run) => isFailed(run) && !isDiverged(run))) items.push(entry("failed otherwise", "○"));
  find("curve-legend").replaceChildren(...items);
}

function listenToCurveControls() {
  const on = (id, key, value = (control) => control.value) =>
    find(id).addEventListener("change", (event) => {
      state[key] = value(event.target);
      fillCurveControls();
      refresh();
    });
  on("measure", "measure");
  on("x-axis", "x");
  on("colour-by", "colourBy", (control) => Number(control.value));
  on("panel-by", "panelBy", (control) => (/^\d+$/.test(control.value) ? Number(control.value) : control.value));
  on("log", "log", (control) => control.checked);
}
