// One run: what became of it and why, its trace, its samples, what it was made of.

let opened = null; // the run in the dialog, and the measure of its chart

function openRun(id) {
  const run = runById(id);
  if (!run) return;
  const measures = page.datasets[run.dataset].measures;
  const kept = opened?.measure && column(run, opened.measure) ? opened.measure : null;
  opened = { run, measure: kept ?? page.datasets[run.dataset].primary ?? measures[0]?.name ?? "critic_loss" };
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
  const at = order.indexOf(run);
  const step = (by, label) =>
    make("button", { type: "button", class: "quiet", disabled: !order[at + by] || at < 0, onclick: () => openRun(order[at + by].id) }, label);
  const close = make("button", { type: "button", id: "close-run", autofocus: true, onclick: () => find("run").close() }, "Close");
  const head = make(
    "div",
    { class: "run-head" },
    make("h2", { id: "run-title" }, titleOf(run)),
    make("div", {}, step(-1, "← Previous"), step(1, "Next →"), close),
  );
  const body = make("div", { class: "run-body" }, verdictOf(run), make("h3", {}, "Trace"), runChartControls(run), make("div", { class: "chart", id: "run-chart", role: "img" }));
  if (run.samples) body.append(make("h3", {}, "Samples"), sampleStrip(run));
  body.append(make("h3", {}, "Values"), valuesTable(run), madeOf(run), traceTable(run));
  find("run").replaceChildren(head, body);
  drawRunChart();
}

function verdictOf(run) {
  const told = run.since === null || run.reason.includes(`step ${writeCount(run.since)}`);
  const since = told ? "" : ` So from step ${writeCount(run.since)} on.`;
  const reason = run.reason ? `${run.reason[0].toUpperCase()}${run.reason.slice(1)}.${since}` : "";
  const most = Math.max(run.steps, 1);
  return make("div", {}, make("p", {}, make("strong", {}, outcomeBadge(run)), reason ? ` ${reason}` : ""), timelineTrack(run, most));
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
  return make("div", { class: "controls" }, make("label", {}, "measure ", select), make("span", { class: "hint" }, "grey: the other seeds of its cell"));
}

async function drawRunChart() {
  const { run, measure: name } = opened;
  const measure = measureNamed(name, page.datasets[run.dataset]);
  if (!measure) return;
  const others = page.runs.filter((each) => each.dataset === run.dataset && each.cell === run.cell && each !== run);
  const line = (each, place) => ({ run: each, place, points: curve(each, measure, "step") });
  const lines = [...others.map((each) => line(each, 1)), line(run, 0)];
  const levels = levelsOf([run], measure);
  const values = [...lines.flatMap(({ points }) => points.map(({ y }) => y)), ...levels.map(({ y }) => y)];
  const log = measure.log && values.every((y) => y === null || y > 0);
  const element = find("run-chart");
  element.setAttribute("aria-label", `${measure.label} over generator steps`);
  const lookOf = (place) => (place === 0 ? look(0) : { colour: colour("edge"), dash: [] });
  await drawChart(element, { lines, medians: [], levels, measure, log, lookOf, xLabel: X_AXES.step, ...domains(lines, values, measure, log), chosen: run.id, height: 240 });
}

function valuesTable(run) {
  const { measures } = page.datasets[run.dataset];
  const row = (measure, index) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, measure.label),
      [run.final[index], run.best[index], measure.real].map((value) => make("td", { class: "number" }, write(value, measure.spec, measure.scale))),
    );
  const head = ["measure", "final", "best", "real data"].map((text, index) => make("th", { scope: "col", class: index ? "number" : null }, text));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Values" }, make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, measures.map(row))));
}

function definitions(rows) {
  return make("dl", {}, rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

function madeOf(run) {
  const block = (title, rows) => make("div", {}, make("h3", {}, title[0].toUpperCase() + title.slice(1)), definitions(rows));
  const own = [["run", run.id], ["record", run.record], ["seed", String(run.seed)], ...AXES.map((axis, index) => [axis.replaceAll("_", " "), run.at[index]])];
  return make(
    "div",
    { class: "columns" },
    block("identity", own),
    page.pool[run.made].map(([title, rows]) => block(title, rows)),
    block("timing", run.timing.map(([name, value]) => [name, write(value, ".4g")])),
    block("environment", page.pool[run.environment]),
  );
}

function traceTable(run) {
  const { measures, probes } = page.datasets[run.dataset];
  const there = [...measures, ...probes].filter(({ name }) => column(run, name) !== null);
  const head = [make("th", { scope: "col", class: "number" }, "step"), ...there.map(({ label }) => make("th", { scope: "col", class: "number" }, label))];
  const body = page.pool[run.grid].map((step, index) =>
    make("tr", {}, make("th", { scope: "row", class: "number" }, writeCount(step)), there.map(({ name, spec, scale }) => make("td", { class: "number" }, write(column(run, name)[index], spec, scale)))),
  );
  const table = make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, body));
  const of = run.evaluations > body.length ? ` of ${run.evaluations}, evenly spaced` : "";
  return make("details", {}, make("summary", {}, `The trace as a table, ${body.length} evaluation${body.length === 1 ? "" : "s"}${of}`), make("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Trace" }, table));
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
