"use strict";
// A model's panel below the table: recipe, provenance, cost, training curves, and every task. Only text nodes are
// created.
const panels = (() => {
  const table = $("#board"), place = $("#panels");
  const pairs = (entries) => {
    const list = make("dl");
    for (const [name, value] of entries) list.append(make("dt", {}, make("bdi", {}, name)), make("dd", {}, make("bdi", {}, String(value))));
    return entries.length ? list : make("p", { class: "muted" }, text("nothing"));
  };
  const section = (title, ...content) => make("section", {}, make("h3", {}, title), ...content);

  function forest(estimate, reach, verdict) {
    const place = (value) => 75 + 70 * Math.max(-1, Math.min(1, value / reach));
    const sure = { improved: "up", regressed: "down" }[verdict];
    const drawn = make("svg", { class: "forest", viewBox: "0 0 150 18", "aria-hidden": "true" }, make("line", { x1: 75, x2: 75, y1: 1, y2: 17, "stroke-dasharray": "2 2" }));
    const mark = make("g", { class: sure || "" });
    if (estimate.length === 3) mark.append(make("line", { class: "ci", x1: place(estimate[1]), x2: place(estimate[2]), y1: 9, y2: 9 }));
    mark.append(make("circle", { cx: place(estimate[0]), cy: 9, r: 3.4 }));
    drawn.append(mark);
    return drawn;
  }
  function histogram(counts) {
    const most = Math.max(...counts);
    const drawn = make("svg", { class: "hist", viewBox: "0 0 64 18", role: "img", "aria-label": counts.join("%, ") + "%" });
    counts.forEach((count, bin) => drawn.append(make("rect", { x: bin * 6.4, width: 5.6, y: 18 - 17 * count / most, height: 17 * count / most })));
    return drawn;
  }
  const moved = (items, sign, stem) => items.flatMap(([id, value, delta]) => [make("bdi", { class: "id" }, `${stem}${id} (${sign ? minus(delta, 0) : value})`), " "]);

  function tasks(row) {
    const reach = Math.max(1, ...row.cells.flatMap((cell) => cell.d ? cell.d.map(Math.abs) : []));
    const body = make("tbody"), moves = row.cells.some((cell) => cell.lo);
    row.cells.forEach((cell, place) => {
      const column = board.columns[place];
      const line = make("tr", {}, make("th", { scope: "row" }, make("a", { href: `#task-${place}` }, make("bdi", {}, either(column.title)))));
      body.append(line);
      if (cell.x) {
        line.append(make("td", { colspan: 6, class: "ids" }, make("span", { class: `chip ${cell.x}` }, text(cell.x)), " ", make("bdi", {}, either(cell.why))));
        return;
      }
      line.append(make("td", { class: "n", "data-head": text("score") }, `${cell.s[0].toFixed(1)} `, make("span", { class: "muted" }, range(cell.s))));
      line.append(make("td", { class: "n", "data-head": text("delta") }, cell.d ? `${minus(cell.d[0], cell.g)} ` : "–", make("span", { class: "muted" }, cell.d ? range(cell.d, true, cell.g) : "")));
      line.append(make("td", {}, ...(cell.d ? [forest(cell.d, reach, verdicts[cell.v])] : [])));
      line.append(make("td", {}, ...(cell.h ? [histogram(cell.h)] : ["–"])));
      const share = cell.w ? `${cell.w[0]}% ${text("better")}, ${cell.w[1]}% ${text("worse")}` : "";
      const metrics = (cell.m ?? []).map((value, at) => `${either(column.metrics[at])} ${value.toFixed(1)}`).join(" · ");
      line.append(make("td", { class: "ids" }, [cell.v === undefined ? "" : text(verdicts[cell.v]), share].filter(Boolean).join("; "), ...(cell.why ? [make("bdi", {}, either(cell.why))] : []), ...(metrics ? [make("br"), make("span", { class: "muted" }, metrics)] : [])));
      if (moves) {
        const own = !cell.d, ids = make("td", { class: "ids" });
        if (cell.lo) {
          ids.append(make("span", { class: "muted" }, text(own ? "lowest_own" : "lowest"), ": "), ...moved(cell.lo, !own, column.stem), make("br"),
            make("span", { class: "muted" }, text(own ? "highest_own" : "highest"), ": "), ...moved(cell.hi, !own, column.stem));
        }
        line.append(ids);
      }
      const told = [...(cell.lo ?? []), ...(cell.hi ?? [])].filter((item) => item[3]);
      if (told.length) {
        const texts = told.map((item) => make("p", {}, make("b", {}, make("bdi", {}, column.stem + item[0])), " ", make("bdi", {}, item[3])));
        body.append(make("tr", {}, make("td", { colspan: 7, class: "texts" }, make("details", {}, make("summary", {}, `${text("texts")} · ${either(column.title)}`), ...texts))));
      }
    });
    const heads = ["task", "score", "delta", "", "distribution", "verdict", ...(moves ? ["items_moved"] : [])].map((key) => make("th", { scope: "col", class: ["score", "delta"].includes(key) ? "n" : "" }, key ? text(key) : ""));
    return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
  }

  function recipe(row) {
    const own = Object.entries(row.recipe), shared = row.kind === "variant" ? Object.entries(board.shared.recipe) : [];
    if (!own.length || !shared.length) return pairs([...own, ...shared]);
    const more = make("details", {}, make("summary", {}, text("shared_recipe")), pairs(shared));
    return make("div", {}, pairs(own), more);
  }

  function curve(training, name) {
    const steps = Object.values(training)[0]?.step;
    const series = Object.entries(training).filter(([, points]) => points[name]).map(([seed, points]) => [seed, { step: steps, ...points }]);
    const known = series.flatMap(([, points]) => points[name]).filter((value) => value !== null);
    if (!known.length) return null;
    const low = Math.min(...known), high = Math.max(...known), last = Math.max(...series.flatMap(([, points]) => points.step));
    const drawn = make("svg", { viewBox: "0 0 270 110", role: "img", "aria-label": text(name) });
    const x = (step) => 40 + 224 * step / (last || 1), y = (value) => 92 - 80 * (value - low) / ((high - low) || 1);
    drawn.append(make("path", { d: "M40 8V92H264", fill: "none", stroke: "var(--rule)" }));
    const shown = (value) => Math.abs(value) < 0.01 && value !== 0 ? value.toExponential(1) : value.toPrecision(3);
    drawn.append(make("text", { x: 36, y: 15, "text-anchor": "end" }, shown(high)), make("text", { x: 36, y: 94, "text-anchor": "end" }, shown(low)), make("text", { x: 264, y: 106, "text-anchor": "end" }, `${last} ${text("steps")}`));
    series.forEach(([seed, points], place) => {
      const path = points.step.map((step, at) => points[name][at] === null ? "" : `${x(step).toFixed(1)},${y(points[name][at]).toFixed(1)}`).filter(Boolean).join(" ");
      drawn.append(make("polyline", { points: path, style: `stroke: var(--c${place % 8})` }, make("title", {}, `${text("seeds")} ${seed}`)));
    });
    return make("div", { class: "curve" }, make("b", {}, text(name)), drawn);
  }

  const field = (name) => either(board.fields[name] ?? name);
  function head(at, row) {
    const shut = make("button", { type: "button" }, text("close"), " ✕");
    shut.addEventListener("click", () => toggle(at, { open: false, step: true }));
    const back = make("a", { href: `#row-${at}` }, "↑ ", text("back"));
    back.addEventListener("click", (event) => {
      event.preventDefault();
      rowOf(at).scrollIntoView({ block: "center", inline: "nearest" });
      buttonOf(at).focus({ preventScroll: true });
    });
    return make("header", {}, make("h3", {}, make("bdi", {}, row.title)), make("span", { class: "acts" }, back, shut));
  }
  function build(at, row) {
    const inside = make("div", { class: "inside" }), top = make("div", { class: "wide" });
    if (row.about) top.append(make("p", { class: "about" }, make("bdi", {}, either(row.about))));
    for (const name of ["gate", "since"]) for (const reason of row[name] || []) top.append(make("p", { class: "reason" }, make("span", { class: "chip" }, text(name)), " ", make("bdi", {}, either(reason))));
    if (row.failure) top.append(make("p", {}, make("span", { class: "chip failed" }, text("failed")), " ", make("bdi", {}, row.failure)));
    inside.append(top, make("section", { class: "wide" }, make("h4", {}, text("tasks")), tasks(row)));
    if (row.cure) inside.append(section(text("cure"), pairs(row.cure.map(([name, value]) => [either(name), either(value)]))));
    if (row.form) inside.append(section(text("form"), pairs(row.form.map(([name, value]) => [either(name), either(value)]))));
    inside.append(section(text("recipe"), recipe(row)));
    const provenance = row.kind === "variant" ? { ...board.shared.provenance, ...row.provenance } : row.provenance;
    const right = make("div", {}, section(text("provenance"), pairs(Object.entries(provenance).map(([name, value]) => [field(name), either(value)]))));
    right.append(section(text("cost"), pairs(Object.entries(row.cost).map(([name, value]) => [text(name), Math.round(value).toLocaleString("en")]))));
    inside.append(right);
    const curves = ["loss", "margin", "learning_rate"].map((name) => curve(row.training, name)).filter(Boolean);
    if (curves.length) inside.append(make("section", { class: "wide" }, make("h4", {}, text("training")), make("div", { class: "curves" }, ...curves)));
    const steps = ["over_steps_in_domain", "over_steps_held_out", "over_steps_general"].map((name) => row.trajectory && curve(row.trajectory, name)).filter(Boolean);
    if (steps.length) inside.append(make("section", { class: "wide" }, make("h4", {}, text("trajectory")), make("p", { class: "muted" }, `${text("probe")} ${row.probe}`), make("div", { class: "curves" }, ...steps)));
    const last = make("p", { class: "muted wide" }, board.less ? text("less") : "");
    if (row.name !== board.reference) last.append(` ${text("compare")} `, make("code", {}, `tcmbench compare ${board.reference} ${row.name} --set ${board.set}`));
    inside.append(last);
    return inside;
  }

  const rowOf = (at) => $(`#model-${at}`), buttonOf = (at) => $(".open", rowOf(at));
  const opened = () => $$(".panel", place).map((panel) => Number(panel.dataset.of));
  async function draw(panel) {
    const at = Number(panel.dataset.of), inside = make("div", { class: "inside" });
    panel.replaceChildren(head(at, board.rows[at]), inside);
    try {
      inside.replaceWith(build(at, await details(at)));
    } catch (error) {
      inside.append(make("p", {}, text("locked")));
      console.warn(error);
    }
  }
  // A step is the reader's own: it can be undone by Back, and the focus follows it.
  async function toggle(at, { open, step = false } = {}) {
    const old = $(`#panel-${at}`), wanted = open ?? !old;
    buttonOf(at).setAttribute("aria-expanded", String(wanted));
    let panel = old;
    if (wanted && !old) {
      panel = make("article", { class: "panel", id: `panel-${at}`, "data-of": at, tabindex: "-1", "aria-label": board.rows[at].title });
      place.append(panel);
    }
    if (!wanted && old) old.remove();
    if (step) remember({ step });
    if (wanted && !old) await draw(panel);
    if (step && wanted) { panel.scrollIntoView({ block: "start" }); panel.focus({ preventScroll: true }); }
    if (step && !wanted) buttonOf(at).focus({ preventScroll: true });
  }
  for (const row of $$("tr[data-row]", table)) {
    const button = make("button", { type: "button", class: "open", "aria-expanded": "false" }, make("span", { "aria-hidden": "true" }, "›"));
    $("th", row).prepend(button);
    const name = () => button.setAttribute("aria-label", `${text("open")} ${board.rows[row.dataset.row].title}`);
    name();
    languageListeners.push(name);
    button.setAttribute("aria-controls", `panel-${row.dataset.row}`);
    $("th", row).addEventListener("click", (event) => {
      if (!event.target.closest("[data-term]")) toggle(row.dataset.row, { step: true });
    });
  }
  place.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toggle(event.target.closest(".panel").dataset.of, { open: false, step: true });
  });
  languageListeners.push(() => $$(".panel", place).forEach(draw));
  shared.push({
    write: () => ({ open: opened().map((at) => board.rows[at].name) }),
    read(given) {
      const wanted = (given.open ?? []).map((name) => board.rows.findIndex((row) => row.name === name)).filter((at) => at >= 0);
      for (const at of opened()) if (!wanted.includes(at)) toggle(at, { open: false });
      for (const at of wanted) toggle(at, { open: true });
    },
  });
  return { open: (at) => toggle(at, { open: true, step: true }) };
})();
