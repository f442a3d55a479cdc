// Elements, colours and the tooltip. Text is only ever set as text.

const find = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Options into a select, [[value, text], ...] or {label: [[value, text], ...]}, and what is chosen. */
function fill(select, options, chosen) {
  const entries = (list) => list.map(([value, text]) => make("option", { value }, text));
  const children = Array.isArray(options)
    ? entries(options)
    : Object.entries(options)
        .filter(([, list]) => list.length)
        .map(([label, list]) => make("optgroup", { label }, entries(list)));
  select.replaceChildren(...children);
  select.value = chosen;
}

/** A colour of the style sheet as the theme has it now. */
function colour(name) {
  const probe = make("span", { hidden: true, style: { color: `var(--${name})` } });
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** The look of a line: as many as colours and line styles give, black as the theme has it. */
function look(place) {
  const count = page.looks.length;
  const own = page.looks[place % count].colour;
  const dash = page.looks[(place + Math.floor(place / count)) % count].dash;
  return { colour: own === "#000000" ? colour("black") : own, dash };
}

function outcomeBadge(run) {
  const { name, colour: own, glyph } = outcomeOf(run);
  return make(
    "span",
    { class: "outcome" },
    make("span", { class: "swatch", style: { background: own }, "aria-hidden": "true" }),
    make("span", { class: "glyph", "aria-hidden": "true" }, glyph),
    name,
  );
}

/** A legend of coloured squares. */
function swatches(list, entries) {
  list.replaceChildren(
    ...entries.map(({ name, colour: own, glyph }) =>
      make(
        "li",
        {},
        make("span", { class: "swatch", style: { background: own }, "aria-hidden": "true" }),
        glyph ? `${glyph} ${name}` : name,
      ),
    ),
  );
}

/** A short line as a chart draws it. */
function lineSample(own, dash, width) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  for (const [name, value] of Object.entries({ width: 30, height: 10, "aria-hidden": "true" })) svg.setAttribute(name, value);
  const parts = { x1: 0, x2: 30, y1: 5, y2: 5, stroke: own, "stroke-width": width, "stroke-dasharray": dash.join(" ") };
  for (const [name, value] of Object.entries(parts)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

function showTooltip(event, title, lines) {
  const tooltip = find("tooltip");
  tooltip.replaceChildren(make("strong", {}, title), ...lines.map((line) => make("div", {}, line)));
  tooltip.hidden = false;
  const { width, height } = tooltip.getBoundingClientRect();
  const left = event.clientX + 14 + width > innerWidth ? event.clientX - width - 10 : event.clientX + 14;
  const above = event.clientY + 14 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 14;
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, above)}px`;
}

const hideTooltip = () => (find("tooltip").hidden = true);

/** One stop for the Tab key among many buttons; arrow keys, Home and End go from one to the next. */
function roving(container, selector) {
  const items = [...container.querySelectorAll(selector)];
  items.forEach((item, index) => (item.tabIndex = index ? -1 : 0));
  container.onkeydown = (event) => {
    const at = items.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 };
    if (at < 0 || !(event.key in to) || !items[to[event.key]]) return;
    event.preventDefault();
    items[at].tabIndex = -1;
    items[to[event.key]].tabIndex = 0;
    items[to[event.key]].focus();
  };
}
