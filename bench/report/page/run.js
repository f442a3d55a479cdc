// The dialog of one run: its outcome, trace, samples, values and specification.

let opened = null; // the run in the dialog, and the measure of its chart

function openRun(id) {
  const run = runById(id);
  if (!run) return;
  const measures = page.datasets[run.dataset].measures;
  const previous = opened?.measure && column(run, opened.measure) ? opened.measure : null;
  opened = { run, measure: previous ?? page.datasets[run.dataset].primary ?? measures[0]?.name ?? "critic_loss" };
  hideTooltip();
  drawRun();
  const dialog = find("run");
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  history.replaceState(null, "", `#run=${encodeURIComponent(id)}`);
}

function drawRun() {
  const { run } = opened;
  const order = sorted(shownRuns(), runColumns());
  const index = order.indexOf(run);
  const neighbour = (offset, label) =>
    make("button", { type: "button", class: "quiet", disabled: !order[index + offset] || index < 0, onclick: () => openRun(order[index + offset].id) }, label);
  const close = make("button", { type: "button", id: "close-run", autofocus: true, onclick: () => find("run").close() }, "Close");
  const head = make(
    "div",
    { class: "run-head" },
    make("h2", { id: "run-title" }, titleOf(run)),
    make("div", {}, neighbour(-1, "← Previous"), neighbour(1, "Next →"), close),
  );
  const body = make("div", { class: "run-body" }, outcomeParagraph(run), make("h3", {}, "Trace"), runChartControls(run), make("div", { class: "chart", id: "run-chart", role: "img" }));
  if (run.samples) body.append(make("h3", {}, "Samples"), sampleStrip(run));
  body.append(make("h3", {}, "Values"), valuesTable(run), details(run), traceTable(run));
  find("run").replaceChildren(head, body);
  drawRunChart();
}

function outcomeParagraph(run) {
  const hasStep = run.since === null || run.reason.includes(`step ${formatCount(run.since)}`);
  const since = hasStep ? "" : ` Since step ${formatCount(run.since)}.`;
  const reason = run.reason ? `${run.reason[0].toUpperCase()}${run.reason.slice(1)}.${since}` : "";
  return make("div", {}, make("p", {}, make("strong", {}, outcomeBadge(run)), reason ? ` ${reason}` : ""), timelineTrack(run, Math.max(run.steps, 1)));
}

function runChartControls(run) {
  const { measures, probes } = page.datasets[run.dataset];
  const has = ({ name }) => column(run, name) !== null;
  const options = (list) => list.filter(has).map(({ name, label }) => [name, label]);
  const choose = (event) => {
    opened.measure = event.target.value;
    drawRunChart();
  };
  const select = make("select", { id: "run-measure", onchange: choose });
  fill(select, { measures: options(measures), "losses and probes": options(probes) }, opened.measure);
  return make("div", { class: "controls" }, make("label", {}, "measure ", select), make("span", { class: "hint" }, "grey: other seeds of the same cell"));
}

async function drawRunChart() {
  const { run, measure: name } = opened;
  const measure = measureNamed(name, page.datasets[run.dataset]);
  if (!measure) return;
  const others = page.runs.filter((other) => other.dataset === run.dataset && other.cell === run.cell && other !== run);
  const line = (shown, series) => ({ run: shown, series, points: curve(shown, measure, "step") });
  const lines = [...others.map((other) => line(other, 1)), line(run, 0)];
  const references = referencesOf([run], measure);
  const values = [...lines.flatMap(({ points }) => points.map(({ y }) => y)), ...references.map(({ y }) => y)];
  const log = measure.log && values.every((y) => y === null || y > 0);
  const element = find("run-chart");
  element.setAttribute("aria-label", `${measure.label} against generator steps`);
  const styleOf = (series) => (series === 0 ? seriesStyle(0) : { colour: colour("edge"), dash: [] });
  await drawChart(element, { lines, medians: [], references, measure, log, styleOf, xLabel: X_AXES.step, ...domains(lines, values, measure, log), highlighted: run.id, height: 240 });
}

function valuesTable(run) {
  const { measures } = page.datasets[run.dataset];
  const row = (measure, index) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, measure.label),
      [run.final[index], run.best[index], measure.real].map((value) => make("td", { class: "number" }, formatNumber(value, measure.spec, measure.scale))),
    );
  const head = ["measure", "final", "best", "real data"].map((text, index) => make("th", { scope: "col", class: index ? "number" : null }, text));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Values" }, make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, measures.map(row))));
}

function definitions(rows) {
  return make("dl", {}, rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

function details(run) {
  const block = (title, rows) => make("div", {}, make("h3", {}, title[0].toUpperCase() + title.slice(1)), definitions(rows));
  const identity = [["run", run.id], ["record", run.record], ["seed", String(run.seed)], ...AXES.map((axis, index) => [axis.replaceAll("_", " "), run.labels[index]])];
  return make(
    "div",
    { class: "columns" },
    block("identity", identity),
    page.pool[run.specification].map(([title, rows]) => block(title, rows)),
    block("timing", run.timing.map(([name, value]) => [name, formatNumber(value, ".4g")])),
    block("environment", page.pool[run.environment]),
  );
}

function traceTable(run) {
  const { measures, probes } = page.datasets[run.dataset];
  const columns = [...measures, ...probes].filter(({ name }) => column(run, name) !== null);
  const head = [make("th", { scope: "col", class: "number" }, "step"), ...columns.map(({ label }) => make("th", { scope: "col", class: "number" }, label))];
  const body = evaluationSteps(run).map((step, index) =>
    make("tr", {}, make("th", { scope: "row", class: "number" }, formatCount(step)), columns.map(({ name, spec, scale }) => make("td", { class: "number" }, formatNumber(column(run, name)[index], spec, scale)))),
  );
  const table = make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, body));
  const of = run.evaluations > body.length ? ` of ${run.evaluations}, evenly spaced` : "";
  return make("details", {}, make("summary", {}, `Trace as a table, ${body.length} evaluation${body.length === 1 ? "" : "s"}${of}`), make("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Trace" }, table));
}

function listenToDialog() {
  const dialog = find("run");
  dialog.addEventListener("close", () => {
    opened = null;
    hideTooltip();
    history.replaceState(null, "", location.pathname + location.search);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // on the backdrop
}
