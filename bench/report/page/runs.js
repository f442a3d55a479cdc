// The table of runs: click a heading to sort, a row to open the run.

function runColumns() {
  const { axes, primary } = dataset();
  const measure = dataset().measures.find(({ name }) => name === state.measure) ?? measureNamed(primary);
  const index = dataset().measures.indexOf(measure);
  const several = axes.filter((axis) => valuesOn(axis).length > 1);
  const value = (key) => (run) => (measure ? run[key][index] : null);
  const number = (key, label, of, spec, scale) => ({ key, label, of, number: true, text: (run) => formatNumber(of(run), spec, scale) });
  const columns = (several.length ? several : axes).map((axis) => ({
    key: `axis ${axis}`,
    label: AXES[axis].replaceAll("_", " "),
    of: orderOn(axis),
    text: (run) => run.labels[axis],
    class: "place",
  }));
  columns.push({ key: "seed", label: "seed", number: true, of: (run) => run.seed, text: (run) => String(run.seed) });
  columns.push({ key: "outcome", label: "outcome", of: (run) => run.outcome, text: outcomeBadge });
  if (measure) {
    columns.push(number("final", `${measure.label} final`, value("final"), measure.spec, measure.scale));
    if (measure.higher !== null) columns.push(number("best", `${measure.label} best`, value("best"), measure.spec, measure.scale));
  }
  columns.push(number("speed", "steps/s", (run) => run.speed, ".3g"));
  columns.push(number("seconds", "training time (s), as recorded", (run) => run.seconds, ".3g"));
  columns.push({ key: "reason", label: "reason", of: (run) => run.reason, text: (run) => run.reason || "–", class: "reason" });
  return columns;
}

/** The order of the values of an axis in the matrix: numbers by size, names as in the catalogue. */
function orderOn(axis) {
  const values = valuesOn(axis);
  return (run) => values.indexOf(run.labels[axis]);
}

function sorted(runs, columns) {
  const column = columns.find(({ key }) => key === state.sort.key);
  if (!column) return runs;
  const sign = state.sort.descending ? -1 : 1;
  const compare = (one, other) => {
    const [left, right] = [column.of(one), column.of(other)];
    if (left === null || right === null) return (left === null) - (right === null); // missing values come last
    return sign * (typeof left === "string" || typeof right === "string" ? String(left).localeCompare(String(right), "en", { numeric: true }) : left - right);
  };
  return [...runs].sort(compare);
}

function drawRuns(shown) {
  const columns = runColumns();
  const runs = sorted(shown, columns);
  const head = columns.map(heading);
  const body = runs.map((run) =>
    make(
      "tr",
      { "data-run": run.id, onclick: (event) => event.target.closest("button") || openRun(run.id) },
      columns.map((column, index) => cell(run, column, index)),
    ),
  );
  find("runs-note").textContent = shown.length
    ? "Click a heading to sort, or a run for its specification, its trace and the reason for its outcome."
    : NO_RUNS;
  find("run-table").replaceChildren(
    make("caption", { hidden: true }, `Runs of ${dataset().name}`),
    make("thead", {}, make("tr", {}, head)),
    make("tbody", {}, body),
  );
}

function heading({ key, label, number }) {
  const { sort } = state;
  const order = sort.key !== key ? "none" : sort.descending ? "descending" : "ascending";
  const choose = () => {
    state.sort = { key, descending: sort.key === key && !sort.descending };
    drawRuns(shownRuns());
    document.querySelector(`#run-table th[data-key="${key}"] button`).focus();
  };
  const button = make("button", { type: "button", class: "sort", onclick: choose }, label);
  return make("th", { scope: "col", class: number ? "number" : null, "aria-sort": order, "data-key": key }, button);
}

function cell(run, { text, number, class: name }, index) {
  const content = text(run);
  if (index > 0) return make("td", { class: name ?? (number ? "number" : null) }, content);
  const open = make("button", { type: "button", class: "link", "aria-label": `open ${titleOf(run)}`, onclick: () => openRun(run.id) }, content);
  return make("th", { scope: "row" }, open);
}
