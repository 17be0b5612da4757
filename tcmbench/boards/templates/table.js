"use strict";
// Sorting, filtering, choosing columns, moving through cells and the tooltip.
(() => {
  const table = $("#board"), body = $("#rows"), tip = $("#tip");
  const heads = $$(".heads th", table);
  const rows = $$("tr[data-row]", body);
  const columns = heads.slice(1).map((head) => head.dataset.c);
  for (const row of $$("tr[data-row]", table)) {
    const { scores, deltas } = board.rows[row.dataset.row];
    $$("td", row).forEach((cell, place) => {
      const column = columns[place];
      cell.dataset.c = column;
      if (column.startsWith("s")) return;
      if (scores[column] !== null) cell.dataset.v = scores[column];
      if (deltas[column] !== null) cell.dataset.d = deltas[column];
    });
  }
  const cellsOf = new Map($$("tr[data-row]", table).map((row) => [row, new Map($$("td[data-c]", row).map((cell) => [cell.dataset.c, cell]))]));
  let sorted = { column: null, order: null }, view = "scores";

  const key = (row, column) => {
    if (column === "name") return $(".name", row).textContent.toLowerCase();
    const cell = cellsOf.get(row).get(column);
    const raw = view === "deltas" && cell.dataset.d !== undefined ? cell.dataset.d : cell.dataset.v;
    return raw === undefined ? null : Number(raw);
  };
  const panelOf = (row) => row.nextElementSibling?.classList.contains("panel") ? row.nextElementSibling : null;

  function sort(column, order) {
    const sign = order === "ascending" ? 1 : -1;
    const keyed = rows.map((row, place) => ({ row, place, value: key(row, column), panel: panelOf(row) }));
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
      const compared = typeof a.value === "string" ? a.value.localeCompare(b.value) : a.value - b.value;
      return sign * compared || a.place - b.place;
    });
    for (const { row, panel } of keyed) body.append(row, ...(panel ? [panel] : []));
    for (const head of heads) head.setAttribute("aria-sort", head.dataset.c === column ? order : "none");
    sorted = { column, order };
    const head = heads.find((found) => found.dataset.c === column);
    say(text("sorted", { column: $("button", head).innerText.split("\n")[0] }));
  }

  for (const head of heads) {
    $("button", head).addEventListener("click", () => {
      const column = head.dataset.c;
      const first = column === "name" || head.dataset.better === "lower" ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      sort(column, sorted.column === column && sorted.order === first ? other : first);
    });
  }

  const words = (row) => {
    const data = board.rows[row.dataset.row];
    const recipe = Object.entries(recipeOf(data)).map(([name, value]) => `${name}=${value}`);
    return [data.title, data.name, data.kind, ...[data.about].flat(), ...recipe].join("\n").toLowerCase();
  };
  const searchable = new Map(rows.map((row) => [row, words(row)]));

  function filter() {
    const wanted = $("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = $("#by-column").value, limit = $("#by-value").value;
    let count = 0;
    for (const row of rows) {
      let fits = wanted.every((word) => searchable.get(row).includes(word));
      if (fits && column && limit !== "") {
        const value = key(row, column);
        fits = value !== null && ($("#by-order").value === "ge" ? value >= Number(limit) : value <= Number(limit));
      }
      row.classList.toggle("outside", !fits);
      panelOf(row)?.classList.toggle("outside", !fits);
      count += fits;
    }
    $("#empty").hidden = count > 0 || rows.length === 0;
    const message = text("shown", { count: count + 1, total: rows.length + 1 });
    $("#shown").textContent = count === rows.length ? "" : message;
    if (count !== rows.length) say(message);
  }
  for (const id of ["filter", "by-column", "by-order", "by-value"]) $("#" + id).addEventListener("input", filter);

  function showColumns() {
    const shown = new Set($$("#columns input:checked").map((box) => box.value));
    const counts = {};
    for (const head of heads) {
      const column = head.dataset.c;
      if (column === "name") continue;
      head.hidden = !shown.has(column);
      counts[head.dataset.group] = (counts[head.dataset.group] ?? 0) + shown.has(column);
    }
    for (const cells of cellsOf.values()) for (const [column, cell] of cells) cell.hidden = !shown.has(column);
    for (const group of $$(".groups [data-group]", table)) {
      const count = counts[group.dataset.group];
      group.hidden = !count;
      if (count) group.colSpan = count;
    }
  }
  $("#columns").addEventListener("change", showColumns);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#columns")) $("#columns").open = false;
  });

  function setView(chosen) {
    view = chosen;
    root.classList.toggle("view-deltas", chosen === "deltas");
    for (const button of $$("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === chosen));
    if (sorted.column) sort(sorted.column, sorted.order);
    filter();
  }
  for (const button of $$("[data-view]")) button.addEventListener("click", () => setView(button.dataset.view));
  // A large board's table omits the intervals of its scores: they are written on first use.
  let intervals = board.whole;
  async function writeIntervals() {
    if (intervals) return;
    intervals = true;
    for (const [row, cells] of cellsOf) {
      const found = (await details(row.dataset.row)).cells;
      for (const [column, cell] of cells) {
        const { s: score, d: delta } = found[column] ?? {};
        if (score) cell.append(make("small", {}, range(score), ...(delta ? [make("u", {}, range(delta, true))] : [])));
      }
    }
  }
  $("#intervals").addEventListener("change", async (event) => {
    if (event.target.checked) await writeIntervals();
    root.classList.toggle("show-intervals", event.target.checked);
  });
  $("#print").addEventListener("click", async () => {
    await writeIntervals();
    window.print();
  });
  $("#reset").addEventListener("click", () => {
    for (const id of ["filter", "by-column", "by-value"]) $("#" + id).value = "";
    $("#by-order").value = "ge";
    $("#intervals").checked = false;
    root.classList.remove("show-intervals");
    for (const box of $$("#columns input")) box.checked = heads.find((head) => head.dataset.c === box.value).dataset.shown === "1";
    for (const head of heads) head.setAttribute("aria-sort", "none");
    sorted = { column: null, order: null };
    for (const row of rows) { const panel = panelOf(row); body.append(row, ...(panel ? [panel] : [])); }
    setView("scores");
    showColumns();
  });

  // The tooltip: the full content of a cell.
  const line = (name, value) => make("span", { class: "row" }, make("span", {}, name), make("span", {}, value));
  function tellSummary(cell, note) {
    return [line($("b", cell).innerText, $("small", cell)?.textContent ?? ""), ...(note ? [make("bdi", {}, note)] : [])];
  }
  function tellScore(found, column) {
    if (found.x) return [make("span", {}, text(found.x), found.why ? ": " : "", make("bdi", {}, either(found.why)))];
    const lines = [line(text("score"), `${found.s[0].toFixed(1)} ${range(found.s)}`)];
    if (found.d) lines.push(line(text("delta"), `${minus(found.d[0])} ${range(found.d, true)}`));
    if (found.p !== undefined) lines.push(line(text("p"), found.p < 0.001 ? "< 0.001" : String(found.p)));
    if (found.v !== undefined) lines.push(line(text("verdict"), text(verdicts[found.v])));
    if (found.b) lines.push(line("", text(found.b === 1 ? "best" : "tied")));
    if (found.k) lines.push(line(text("seeds"), found.k.map((value) => value.toFixed(1)).join(", ")));
    if (found.why) lines.push(make("bdi", {}, either(found.why)));
    return [...lines, line("n", `${board.columns[column].items} ${text("items")}`)];
  }
  let told = null;
  function hideTip() {
    told = null;
    tip.hidden = true;
  }
  async function showTip(cell) {
    told = cell;
    const { row } = cell.parentElement.dataset, { c: column } = cell.dataset;
    const { cells, notes } = await details(row);
    if (told !== cell) return;
    const lines = column.startsWith("s") ? tellSummary(cell, either(notes[column.slice(1)])) : tellScore(cells[column], column);
    const head = heads.find((found) => found.dataset.c === column);
    const name = $("button", head).innerText.split("\n")[0].trim();
    tip.replaceChildren(make("b", {}, make("bdi", {}, board.rows[row].title), " · ", make("bdi", {}, name)), ...lines);
    tip.hidden = false;
    const at = cell.getBoundingClientRect(), size = tip.getBoundingClientRect();
    const below = at.bottom + size.height + 8 < innerHeight;
    tip.style.left = Math.max(6, Math.min(at.left, innerWidth - size.width - 6)) + "px";
    tip.style.top = (below ? at.bottom + 5 : Math.max(4, at.top - size.height - 5)) + "px";
  }
  const cellAt = (event) => event.target.closest?.("td[data-c]");
  // A pointer at rest seems to move when the page scrolls; the tooltip of the focused cell stays.
  const leave = () => { const cell = document.activeElement?.closest("td[data-c]"); if (cell) showTip(cell); else hideTip(); };
  table.addEventListener("mouseover", (event) => { const cell = cellAt(event); if (cell) showTip(cell); else leave(); });
  table.addEventListener("mouseleave", leave);
  table.addEventListener("focusin", (event) => { const cell = cellAt(event); if (cell) showTip(cell); });
  table.addEventListener("focusout", hideTip);
  addEventListener("scroll", () => {
    const cell = document.activeElement?.closest("td[data-c]");
    if (cell && told === cell) showTip(cell); else hideTip();
  }, { capture: true, passive: true });

  // One cell is in the tab order; arrow keys move from it.
  for (const cells of cellsOf.values()) for (const cell of cells.values()) { cell.tabIndex = -1; cell.setAttribute("aria-describedby", "tip"); }
  const firstCell = $("tbody td[data-c]:not([hidden])", table);
  if (firstCell) firstCell.tabIndex = 0;
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  table.addEventListener("keydown", (event) => {
    const cell = cellAt(event), step = steps[event.key];
    if (event.key === "Escape") hideTip();
    if (!cell || !step) return;
    const shown = $$("tr[data-row]:not(.outside)", table);
    const line = shown[shown.indexOf(cell.parentElement) + step[0]];
    if (!line) return;
    const along = $$("td[data-c]:not([hidden])", cell.parentElement);
    const next = $$("td[data-c]:not([hidden])", line)[along.indexOf(cell) + step[1]];
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus({ preventScroll: false });
  });
  languageListeners.push(filter);
  showColumns();
})();
