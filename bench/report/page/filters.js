// The filter bar: it selects the runs shown in all sections.

function fillFilters() {
  fill(find("dataset"), page.datasets.map(({ name }, index) => [index, name]), state.dataset);
  fill(find("outcome"), [["", "all"], ...page.outcomes.map(({ name }) => [name, name])], state.outcome);
  find("axis-filters").replaceChildren(
    ...dataset()
      .axes.filter((axis) => valuesOn(axis).length > 1)
      .map((axis) => make("label", {}, AXES[axis].replaceAll("_", " "), axisSelect(axis))),
  );
}

function axisSelect(axis) {
  const select = make("select", {
    "data-axis": axis,
    onchange: (event) => {
      if (event.target.value === "all") delete state.axes[axis];
      else state.axes[axis] = event.target.value.slice(1);
      refresh();
    },
  });
  // The prefix distinguishes a value named "all" from the option.
  fill(select, [["all", "all"], ...valuesOn(axis).map((value) => [`=${value}`, value])], "all");
  if (axis in state.axes) select.value = `=${state.axes[axis]}`;
  return select;
}

/** Update the controls to the current selection, which other sections change too. */
function showFilters(shown) {
  for (const select of document.querySelectorAll("#axis-filters select")) {
    const axis = select.dataset.axis;
    select.value = axis in state.axes ? `=${state.axes[axis]}` : "all";
    select.classList.toggle("set", axis in state.axes);
  }
  find("outcome").value = state.outcome;
  find("outcome").classList.toggle("set", state.outcome !== "");
  find("text").value = state.text;
  const all = datasetRuns().length;
  find("count").textContent = shown.length === all ? `${all} runs` : `${shown.length} of ${all} runs`;
  find("reset").disabled = shown.length === all && !state.text;
}

function listenToFilters() {
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    Object.assign(state, { axes: {}, outcome: "", text: "" });
    refresh();
  });
  find("dataset").addEventListener("change", (event) => selectDataset(Number(event.target.value)));
  find("outcome").addEventListener("change", (event) => {
    state.outcome = event.target.value;
    refresh();
  });
  let timer;
  find("text").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      state.text = event.target.value;
      refresh();
    }, 150);
  });
}
