// One row per run, coloured by its stage at each evaluation.

const MANY = 60; // runs above which rows are lower and outcomes are counted

function drawTimeline(shown) {
  const occurring = new Set(shown.flatMap((run) => run.stage_intervals.map(([, , stage]) => stage)));
  swatches(find("stage-legend"), page.stages.filter((_, index) => occurring.has(index)));
  const steps = Math.max(1, ...shown.map((run) => run.steps));
  const dense = shown.length > MANY;
  const cells = [...grouped(shown, (run) => run.cell)];
  const blocks = cells.map(([cell, runs]) =>
    make(
      "div",
      { class: "block" },
      make("h3", { title: dataset().cells[cell] }, dataset().cells[cell], dense ? make("span", {}, countOutcomes(runs)) : null),
      make("div", {}, runs.map((run) => timelineRow(run, steps))),
    ),
  );
  find("rows").classList.toggle("dense", dense);
  find("rows").classList.toggle("single", cells.length === shown.length);
  find("rows").replaceChildren(...(shown.length ? blocks : [make("p", { class: "hint" }, NO_RUNS)]));
  find("scale-end").textContent = `${formatCount(steps)} steps`;
  useRovingFocus(find("rows"), ".row");
}

function countOutcomes(runs) {
  const counts = page.outcomes.map(({ name }, index) => [runs.filter((run) => run.outcome === index).length, name]);
  return counts.filter(([count]) => count).map(([count, name]) => `${count} ${name}`).join(", ");
}

function timelineRow(run, steps) {
  const label = `${cellOf(run)}, seed ${run.seed}: ${outcomeOf(run).name}`;
  return make(
    "button",
    { type: "button", class: "row", "aria-label": label, title: `seed ${run.seed}: ${outcomeOf(run).name}${run.reason ? `, ${run.reason}` : ""}`, onclick: () => openRun(run.id) },
    make("span", { class: "seed number" }, String(run.seed)),
    timelineTrack(run, steps),
    outcomeBadge(run),
  );
}

function timelineTrack(run, steps) {
  const share = (step) => `${(100 * step) / steps}%`;
  return make(
    "span",
    { class: "track", "aria-hidden": "true" },
    run.stage_intervals.map(([start, end, stage]) => make("i", { style: { left: share(start), width: share(end - start), background: page.stages[stage].colour } })),
  );
}
