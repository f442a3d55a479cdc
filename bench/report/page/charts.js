// One chart by Vega-Lite: thin lines, thick medians, levels; and what is under the pointer.

const EMBED = { mode: "vega-lite", actions: false, renderer: "svg", ast: true, tooltip: false };
const CROSS = "M-1,-1L1,1M-1,1L1,-1";
const NEAR = 28; // pixels from the pointer to a point, at the most

/** Draws into an element; `lines` are [{run, place, points}], `chosen` is a run to be drawn strongly. */
async function drawChart(element, given) {
  const { view } = await vegaEmbed(element, chartSpec(given), { ...EMBED, config: chartConfig() });
  element.dataset.hover = "";
  listenToPointer(element, view, given);
}

function chartConfig() {
  const [ink, muted, line] = [colour("ink"), colour("muted"), colour("line")];
  return {
    background: null,
    font: getComputedStyle(document.documentElement).fontFamily,
    view: { stroke: null },
    axis: { labelColor: muted, titleColor: muted, gridColor: line, domainColor: muted, tickColor: muted, titleFontWeight: 400, labelFontSize: 11, titleFontSize: 12, gridWidth: 0.6 },
    text: { fill: ink },
  };
}

function chartSpec({ lines, medians, levels, measure, log, xLabel, xMost, yDomain, chosen, lookOf = look, height = 220 }) {
  const usable = (y) => (y === null || (log && y <= 0) ? null : y);
  const rows = lines.flatMap(({ run, place, points }) => points.map(({ x, y }) => ({ run: run.id, place: String(place), x, y: usable(y) })));
  const middle = medians.map((point) => ({ ...point, place: String(point.place), y: usable(point.y) }));
  const ends = (failed) => ({ values: lines.filter(({ run }) => failed(run)).map((line) => lastPoint(line, usable)).filter(Boolean) });
  const looks = [...new Set([...lines, ...medians].map(({ place }) => place))].sort((one, other) => one - other).map((place) => [String(place), lookOf(place)]);
  const scale = (values) => ({ domain: looks.map(([place]) => place), range: values });
  const encoding = {
    x: { field: "x", type: "quantitative", title: xLabel, scale: { domain: [0, xMost || 1], nice: false }, axis: { grid: false, tickCount: 4, labelFlush: true, labelSeparation: 8, format: xMost >= 1e5 ? "~s" : ",.12~g" } },
    y: { field: "y", type: "quantitative", title: measure.label, scale: log ? logScale(yDomain) : { domain: yDomain, zero: false, nice: true }, axis: log ? logAxis(yDomain) : { tickCount: 5 } },
    color: { field: "place", type: "nominal", scale: scale(looks.map(([, each]) => each.colour)), legend: null },
    strokeDash: { field: "place", type: "nominal", scale: scale(looks.map(([, each]) => each.dash)), legend: null },
  };
  const marks = { x: encoding.x, y: encoding.y, color: encoding.color };
  const when = (strong, else_) => ({ condition: { test: "datum.run === hovered", value: strong }, value: else_ });
  const crowd = lines.length > 60 ? 0.25 : 0.45;
  const layer = [
    ...levels.filter(({ y }) => usable(y) !== null).map(levelLayer),
    { data: { values: rows }, mark: { type: "line", clip: true, strokeJoin: "round" }, encoding: { ...encoding, detail: { field: "run" }, strokeWidth: when(2.6, 0.9), opacity: when(1, crowd) } },
    { data: { values: middle }, mark: { type: "line", clip: true, strokeWidth: 2.5, strokeJoin: "round" }, encoding: { ...encoding, opacity: { condition: { test: "hovered === ''", value: 1 }, value: 0.4 } } },
    { data: ends(isDiverged), mark: { type: "point", shape: CROSS, size: 50, strokeWidth: 2, opacity: 1 }, encoding: marks },
    { data: ends((run) => isFailed(run) && !isDiverged(run)), mark: { type: "point", shape: "circle", size: 22, strokeWidth: 1, fill: colour("paper"), opacity: 1 }, encoding: marks },
  ];
  return { width: "container", height, autosize: { type: "fit", contains: "padding", resize: true }, params: [{ name: "hovered", value: chosen ?? "" }], layer };
}

const LOG_LABEL = "format(datum.value, datum.value < 5e-4 || datum.value >= 1e6 ? '~e' : '~g')";

const logScale = ([low, high]) => ({ type: "log", domain: [low / 1.2, high * 1.2], nice: false });

/** Ticks at powers of ten, few enough to be read; of a short range at 1, 2 and 5 times these. */
function logAxis([low, high]) {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const apart = Math.max(1, Math.ceil((to - from) / 7));
  const parts = to - from <= 2 ? [1, 2, 5] : [1];
  const exponents = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter((each) => each % apart === 0);
  return { values: exponents.flatMap((each) => parts.map((part) => Number(`${part}e${each}`))), labelExpr: LOG_LABEL };
}

const lastPoint = ({ place, points }, usable) => {
  const last = points.findLast(({ y }) => usable(y) !== null);
  return last ? { x: last.x, y: last.y, place: String(place) } : null;
};

function levelLayer({ kind, y }) {
  const looks = { real: { color: colour("real"), strokeWidth: 3, opacity: 0.7 }, untrained: { color: colour("muted"), strokeWidth: 1.2, strokeDash: [1, 3] } };
  return { data: { values: [{ level: y }] }, mark: { type: "rule", clip: true, ...looks[kind] }, encoding: { y: { field: "level", type: "quantitative" } } };
}

/** The nearest point of any run is told and its line drawn strongly; a click opens the run. */
function listenToPointer(element, view, { lines, measure, xLabel, chosen, log }) {
  const nearest = (event) => {
    const plot = element.querySelector(".root path.background")?.getBoundingClientRect();
    if (!plot) return null;
    const [across, down] = [view.scale("x"), view.scale("y")];
    let found = null;
    for (const { run, points } of lines) {
      for (const point of points) {
        if (point.y === null || (log && point.y <= 0)) continue;
        const away = Math.hypot(plot.left + across(point.x) - event.clientX, plot.top + down(point.y) - event.clientY);
        if (away < (found?.away ?? NEAR)) found = { run, point, away };
      }
    }
    return found;
  };
  const mark = (run) => view.signal("hovered", run ?? chosen ?? "").runAsync();
  element.onpointermove = (event) => {
    const found = nearest(event);
    if (!found) return element.onpointerleave();
    const { run, point } = found;
    mark(run.id);
    const where = xLabel === X_AXES.step ? `step ${writeCount(point.step)}` : `step ${writeCount(point.step)}, ${write(point.x, ".4g")} ${xLabel}`;
    return showTooltip(event, `${measure.label} ${write(point.y, measure.spec)}`, [`${cellOf(run)} · seed ${run.seed}`, where, outcomeOf(run).name, `run ${run.id}`]);
  };
  element.onpointerleave = () => {
    mark(null);
    hideTooltip();
  };
  element.onclick = (event) => {
    const found = nearest(event);
    if (found) openRun(found.run.id);
  };
}
