// Samples over training: points in the plane on canvases, images as parts of one picture, strings as text.

const COORDINATE = 65535; // of the upper and right edge of the window
const POINT_COLOUR = "#0072B2";
const MODE_COLOUR = "#D55E00";

/** [[x, y], ...] in the unit of the window, from base64 of little-endian 16-bit integers x, y, x, y, ... */
function decodePoints(text, reach) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const coordinate = (index) => (view.getUint16(2 * index, true) / COORDINATE) * 2 * reach - reach;
  return Array.from({ length: bytes.length / 4 }, (_, index) => [coordinate(2 * index), coordinate(2 * index + 1)]);
}

/** The picture of a run's samples at one of the stored evaluations, or of real ones. */
function samplePicture(run, frame, what = `samples at step ${formatCount(run.samples.steps[frame])}`) {
  const { steps, image, points, strings, count, sources, answers } = run.samples;
  const { window } = page.datasets[run.dataset];
  const inside = points ? decodePoints(points[frame], window.reach) : [];
  const outside = points ? count - inside.length : 0;
  const label = `${what}${outside ? `, ${outside} of ${count} outside the window` : ""}`;
  if (strings) return make("span", { class: "picture strings", role: "img", "aria-label": `${label}: ${strings[frame].join(" ")}` }, strings[frame].join("\n"));
  if (!points) {
    const position = steps.length > 1 ? (100 * frame) / (steps.length - 1) : 0;
    const style = { backgroundImage: `url("${image}")`, backgroundSize: `${100 * steps.length}% 100%`, backgroundPosition: `${position}% 0` };
    return make("span", { class: "picture pixels", role: "img", "aria-label": label, style });
  }
  const canvas = make("canvas", { class: "picture", width: 256, height: 256, role: "img", "aria-label": label });
  const known = { [isDark() ? "#888888" : "#AAAAAA"]: sources, [MODE_COLOUR]: answers }; // of translations
  for (const [colour, text] of Object.entries(known)) if (text) drawDots(canvas, decodePoints(text, window.reach), window.reach, colour);
  drawPoints(canvas, inside, window);
  return canvas;
}

function drawPoints(canvas, points, { reach, centres, sigma }) {
  const context = canvas.getContext("2d");
  const [size, dark] = [canvas.width, isDark()];
  const toPixels = ([x, y]) => [((x + reach) / (2 * reach)) * size, ((reach - y) / (2 * reach)) * size];
  context.strokeStyle = MODE_COLOUR;
  context.lineWidth = 2;
  const radius = Math.max((3 * sigma * size) / (2 * reach), 5);
  for (const centre of centres) {
    context.beginPath();
    context.arc(...toPixels(centre), radius, 0, 2 * Math.PI);
    context.stroke();
  }
  drawDots(canvas, points, reach, dark ? "#56B4E9" : POINT_COLOUR);
}

/** Dots at points [[x, y], ...] in the unit of the window. */
function drawDots(canvas, points, reach, colour) {
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.globalAlpha = 0.6;
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(((x + reach) / (2 * reach)) * canvas.width, ((reach - y) / (2 * reach)) * canvas.height, 2.6, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

/** The steps at which any run of the dataset has samples. */
function sampledSteps() {
  const steps = datasetRuns().flatMap((run) => run.samples?.steps ?? []);
  return [...new Set(steps)].sort((one, other) => one - other);
}

/** The last stored evaluation at or before a step. */
const frameAt = (run, step) => Math.max(0, run.samples.steps.findLastIndex((sampled) => sampled <= step));

function fillStepSlider() {
  const last = Math.max(0, sampledSteps().length - 1);
  Object.assign(find("moment"), { max: last, value: last });
  find("moment").disabled = last === 0;
}

function drawSamples(shown) {
  const sampled = shown.filter((run) => run.samples);
  const hasSamples = datasetRuns().some((run) => run.samples);
  const note = dataset().samples_note;
  find("samples").hidden = !note;
  find("to-samples").hidden = !note;
  if (!note) return;
  const step = sampledSteps()[Number(find("moment").value)] ?? 0;
  find("moment-step").textContent = formatCount(step);
  find("moment").setAttribute("aria-valuetext", `step ${formatCount(step)}`);
  const missing = shown.length - sampled.length;
  const without = missing ? ` ${missing} of ${shown.length} runs have no samples.` : "";
  const earlier = hasSamples ? " Runs that ended before this step show their last samples." : "";
  find("samples-note").textContent = `${note}${earlier}${without}`;
  const blocks = [...grouped(sampled, (run) => run.cell)].map(([cell, runs]) =>
    make("div", { class: "sheet" }, make("h3", {}, dataset().cells[cell]), make("div", { class: "sheet-runs" }, runs.map((run) => thumbnail(run, step)))),
  );
  const real = { dataset: page.datasets.indexOf(dataset()), samples: dataset().real_samples };
  if (real.samples) blocks.unshift(make("div", { class: "sheet" }, make("h3", {}, "real data"), make("div", { class: "sheet-runs" }, make("span", { class: "still" }, samplePicture(real, 0, "real samples")))));
  find("sheets").classList.toggle("dense", sampled.length > MANY);
  find("sheets").replaceChildren(...blocks);
  useRovingFocus(find("sheets"), ".thumb");
}

function thumbnail(run, step) {
  const { name, symbol } = outcomeOf(run);
  return make(
    "button",
    { type: "button", class: "thumb", title: name, onclick: () => openRun(run.id) },
    samplePicture(run, frameAt(run, step)),
    make("span", {}, make("b", {}, `seed ${run.seed}`), make("b", { "aria-label": name }, symbol)),
  );
}

/** All stored samples of one run, side by side. */
function sampleStrip(run) {
  return make(
    "div",
    { class: "strip" },
    run.samples.steps.map((step, frame) => make("figure", {}, samplePicture(run, frame), make("figcaption", {}, `step ${formatCount(step)}`))),
  );
}
