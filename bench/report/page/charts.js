// One chart by Vega-Lite: thin lines of runs, thick medians, reference lines, and a tooltip.

const EMBED = { mode: "vega-lite", actions: false, renderer: "svg", ast: true, tooltip: false };
const CROSS = "M-1,-1L1,1M-1,1L1,-1";
const LEARNED_DASH = [4, 2];
const MAX_DISTANCE = 28; // pixels from the pointer to a point

/** Draw a chart into an element; `lines` are [{run, series, points}], `highlighted` is the id of a run. */
async function drawChart(element, options) {
  const { view } = await vegaEmbed(element, chartSpec(options), { ...EMBED, config: chartConfig() });
  element.dataset.hover = "";
  listenToPointer(element, view, options);
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

function chartSpec({ lines, medians, references, measure, log, xLabel, xMax, yDomain, highlighted, styleOf = seriesStyle, height = 220 }) {
  const usable = (y) => (y === null || (log && y <= 0) ? null : y);
  const runPoints = lines.flatMap(({ run, series, points }) => points.map(({ x, y }) => ({ run: run.id, series: String(series), x, y: usable(y) })));
  const medianPoints = medians.map((point) => ({ ...point, series: String(point.series), y: usable(point.y) }));
  const ends = (hasFailed) => ({ values: lines.filter(({ run }) => hasFailed(run)).map((line) => lastPoint(line, usable)).filter(Boolean) });
  const indices = [...new Set([...lines, ...medians].map(({ series }) => series))].sort((one, other) => one - other);
  const scale = (key) => ({ domain: indices.map(String), range: indices.map((index) => styleOf(index)[key]) });
  const encoding = {
    x: { field: "x", type: "quantitative", title: xLabel, scale: { domain: [0, xMax || 1], nice: false }, axis: { grid: false, tickCount: 4, labelFlush: true, labelSeparation: 8, format: xMax >= 1e5 ? "~s" : ",.12~g" } },
    y: { field: "y", type: "quantitative", title: measure.label, scale: log ? logScale(yDomain) : { domain: yDomain, zero: false, nice: true }, axis: log ? logAxis(yDomain) : { tickCount: 5 } },
    color: { field: "series", type: "nominal", scale: scale("colour"), legend: null },
    strokeDash: { field: "series", type: "nominal", scale: scale("dash"), legend: null },
  };
  const pointEncoding = { x: encoding.x, y: encoding.y, color: encoding.color };
  const ifHovered = (hovered, otherwise) => ({ condition: { test: "datum.run === hovered", value: hovered }, value: otherwise });
  const opacity = lines.length > 60 ? 0.25 : 0.45;
  const layer = [
    ...references.filter(({ y }) => usable(y) !== null).map(referenceLayer),
    { data: { values: runPoints }, mark: { type: "line", clip: true, strokeJoin: "round" }, encoding: { ...encoding, detail: { field: "run" }, strokeWidth: ifHovered(2.6, 0.9), opacity: ifHovered(1, opacity) } },
    { data: { values: medianPoints }, mark: { type: "line", clip: true, strokeWidth: 2.5, strokeJoin: "round" }, encoding: { ...encoding, opacity: { condition: { test: "hovered === ''", value: 1 }, value: 0.4 } } },
    { data: ends(isDiverged), mark: { type: "point", shape: CROSS, size: 50, strokeWidth: 2, opacity: 1 }, encoding: pointEncoding },
    { data: ends((run) => isFailed(run) && !isDiverged(run)), mark: { type: "point", shape: "circle", size: 22, strokeWidth: 1, fill: colour("paper"), opacity: 1 }, encoding: pointEncoding },
  ];
  return { width: "container", height, autosize: { type: "fit", contains: "padding", resize: true }, params: [{ name: "hovered", value: highlighted ?? "" }], layer };
}

const LOG_LABEL = "format(datum.value, datum.value < 5e-4 || datum.value >= 1e6 ? '~e' : '~g')";

const logScale = ([low, high]) => ({ type: "log", domain: [low / 1.2, high * 1.2], nice: false });

/** Readable ticks at powers of ten; for a short range also at 2 and 5 times these. */
function logAxis([low, high]) {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const step = Math.max(1, Math.ceil((to - from) / 7));
  const factors = to - from <= 2 ? [1, 2, 5] : [1];
  const exponents = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter((exponent) => exponent % step === 0);
  return { values: exponents.flatMap((exponent) => factors.map((factor) => Number(`${factor}e${exponent}`))), labelExpr: LOG_LABEL };
}

const lastPoint = ({ series, points }, usable) => {
  const last = points.findLast(({ y }) => usable(y) !== null);
  return last ? { x: last.x, y: last.y, series: String(series) } : null;
};

function referenceLayer({ kind, y }) {
  const styles = {
    real: { color: colour("real"), strokeWidth: 3, opacity: 0.7 },
    untrained: { color: colour("muted"), strokeWidth: 1.2, strokeDash: [1, 3] },
    learned: { color: colour("ink"), strokeWidth: 1, strokeDash: LEARNED_DASH },
  };
  return { data: { values: [{ y }] }, mark: { type: "rule", clip: true, ...styles[kind] }, encoding: { y: { field: "y", type: "quantitative" } } };
}

/** Show a tooltip for the point nearest to the pointer and highlight its run; a click opens the run. */
function listenToPointer(element, view, { lines, measure, xLabel, highlighted, log }) {
  const nearest = (event) => {
    const plot = element.querySelector(".root path.background")?.getBoundingClientRect();
    if (!plot) return null;
    const [xScale, yScale] = [view.scale("x"), view.scale("y")];
    let closest = null;
    for (const { run, points } of lines) {
      for (const point of points) {
        if (point.y === null || (log && point.y <= 0)) continue;
        const distance = Math.hypot(plot.left + xScale(point.x) - event.clientX, plot.top + yScale(point.y) - event.clientY);
        if (distance < (closest?.distance ?? MAX_DISTANCE)) closest = { run, point, distance };
      }
    }
    return closest;
  };
  const highlight = (run) => view.signal("hovered", run ?? highlighted ?? "").runAsync();
  element.onpointermove = (event) => {
    const closest = nearest(event);
    if (!closest) return element.onpointerleave();
    const { run, point } = closest;
    highlight(run.id);
    const where = xLabel === X_AXES.step ? `step ${formatCount(point.step)}` : `step ${formatCount(point.step)}, ${xLabel}: ${formatNumber(point.x, ".4g")}`;
    return showTooltip(event, `${measure.label} ${formatNumber(point.y, measure.spec)}`, [`${cellOf(run)} · seed ${run.seed}`, where, outcomeOf(run).name, `run ${run.id}`]);
  };
  element.onpointerleave = () => {
    highlight(null);
    hideTooltip();
  };
  element.onclick = (event) => {
    const closest = nearest(event);
    if (closest) openRun(closest.run.id);
  };
}
