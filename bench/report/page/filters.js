// The bar above everything: which runs are shown, in all sections at once.

function fillFilters() {
  fill(find("dataset"), page.datasets.map((each, index) => [index, each.name]), state.dataset);
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
  // A value is told from "all" by the sign before it, whatever text it is.
  fill(select, [["all", "all"], ...valuesOn(axis).map((value) => [`=${value}`, value])], "all");
  if (axis in state.axes) select.value = `=${state.axes[axis]}`;
  return select;
}

/** Shows what is chosen, where that was changed elsewhere too. */
function markFilters(shown) {
  for (const select of document.querySelectorAll("#axis-filters select")) {
    const axis = select.dataset.axis;
    select.value = axis in state.axes ? `=${state.axes[axis]}` : "all";
    select.classList.toggle("set", axis in state.axes);
  }
  find("outcome").value = state.outcome;
  find("outcome").classList.toggle("set", state.outcome !== "");
  find("text").value = state.text;
  const all = runsHere().length;
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
  find("dataset").addEventListener("change", (event) => chooseDataset(Number(event.target.value)));
  find("outcome").addEventListener("change", (event) => {
    state.outcome = event.target.value;
    refresh();
  });
  let waiting;
  find("text").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      state.text = event.target.value;
      refresh();
    }, 150);
  });
}
