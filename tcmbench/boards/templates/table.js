"use strict";
// The table: sorting, filtering, choosing columns, scrolling sideways, and moving through its cells.
(() => {
  const table = $("#board"), body = $("#rows"), box = $(".scroll"), frame = $(".frame");
  const heads = $$(".heads th", table);
  const rows = $$("tr[data-row]", body);
  const columns = heads.slice(1).map((head) => head.dataset.c);
  for (const row of $$("tr[data-row]", table)) {
    const { scores, deltas, sums } = board.rows[row.dataset.row];
    $$("td", row).forEach((cell, place) => {
      const column = columns[place], isSum = column.startsWith("s"), value = isSum ? sums[column.slice(1)] : scores[column];
      cell.dataset.c = column;
      if (value !== null) cell.dataset.v = value;
      if (!isSum && deltas[column] !== null) cell.dataset.d = deltas[column];
    });
  }
  const cellsOf = new Map($$("tr[data-row]", table).map((row) => [row, new Map($$("td[data-c]", row).map((cell) => [cell.dataset.c, cell]))]));
  const headOf = (column) => heads.find((head) => head.dataset.c === column);
  let sorted = null, view = "scores", group = "";

  const key = (row, column) => {
    if (column === "name") return $(".name", row).textContent.toLowerCase();
    const cell = cellsOf.get(row).get(column);
    const raw = view === "deltas" && cell.dataset.d !== undefined ? cell.dataset.d : cell.dataset.v;
    return raw === undefined ? null : Number(raw);
  };

  function sort(column, order) {
    const sign = order === "ascending" ? 1 : -1;
    const keyed = rows.map((row, place) => ({ row, place, value: key(row, column) }));
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
      const compared = typeof a.value === "string" ? a.value.localeCompare(b.value) : a.value - b.value;
      return sign * compared || a.place - b.place;
    });
    body.append(...keyed.map(({ row }) => row));
    for (const head of heads) head.setAttribute("aria-sort", head.dataset.c === column ? order : "none");
    sorted = { column, order };
    say(text("sorted", { column: $("button", headOf(column)).innerText.split("\n")[0] }));
    remember();
  }
  function unsort() {
    if (!sorted) return;
    sorted = null;
    body.append(...rows);
    for (const head of heads) head.setAttribute("aria-sort", "none");
  }
  for (const head of heads) {
    $("button", head).addEventListener("click", () => {
      const column = head.dataset.c;
      const first = column === "name" || head.dataset.better === "lower" ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      sort(column, sorted?.column === column && sorted.order === first ? other : first);
    });
  }

  const words = (row) => {
    const data = board.rows[row.dataset.row];
    const recipe = Object.entries(recipeOf(data)).map(([name, value]) => `${name}=${value}`);
    return [data.title, data.name, data.kind, ...[data.about].flat(), ...recipe].join("\n").toLowerCase();
  };
  const searchable = new Map(rows.map((row) => [row, words(row)]));
  const fields = { word: $("#filter"), column: $("#by-column"), order: $("#by-order"), limit: $("#by-value") };

  function filter() {
    const wanted = fields.word.value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = fields.column.value, limit = fields.limit.value;
    let count = 0;
    for (const row of rows) {
      let fits = wanted.every((word) => searchable.get(row).includes(word));
      if (fits && column && limit !== "") {
        const value = key(row, column);
        fits = value !== null && (fields.order.value === "ge" ? value >= Number(limit) : value <= Number(limit));
      }
      row.classList.toggle("outside", !fits);
      count += fits;
    }
    $("#empty").hidden = count > 0 || rows.length === 0;
    const message = text("shown", { count: count + 1, total: rows.length + 1 });
    $("#shown").textContent = count === rows.length ? "" : message;
    if (count !== rows.length) say(message);
    remember();
  }
  for (const field of Object.values(fields)) field.addEventListener("input", filter);

  const boxes = new Map($$("#columns input").map((input) => [input.value, input]));
  const isShownAtFirst = (column) => headOf(column).dataset.shown === "1";
  function showColumns() {
    const counts = {};
    const shown = new Map(heads.map((head) => {
      const { c: column, group: of } = head.dataset;
      return [column, column === "name" || (boxes.get(column).checked && (of === "summary" || !group || of === group))];
    }));
    for (const head of heads) {
      head.hidden = !shown.get(head.dataset.c);
      counts[head.dataset.group] = (counts[head.dataset.group] ?? 0) + !head.hidden;
    }
    for (const cells of cellsOf.values()) for (const [column, cell] of cells) cell.hidden = !shown.get(column);
    for (const head of $$(".groups [data-group]", table)) {
      const count = counts[head.dataset.group];
      head.hidden = !count;
      if (count) head.colSpan = count;
    }
    // Every group begins with a line on its left.
    heads.forEach((head) => head.classList.remove("first"));
    for (const of of Object.keys(counts)) heads.find((head) => !head.hidden && head.dataset.group === of)?.classList.add("first");
    for (const button of $$("[data-show]")) button.setAttribute("aria-pressed", String(button.dataset.show === group));
    look();
    remember();
  }
  for (const button of $$("[data-show]")) {
    button.addEventListener("click", () => { group = button.dataset.show; showColumns(); });
  }
  $("#columns").addEventListener("change", showColumns);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#columns")) $("#columns").open = false;
  });
  // The menu hangs below its button, moved as far to the left as the window needs.
  $("#columns").addEventListener("toggle", () => {
    const sheet = $(".sheet");
    sheet.style.left = 0;
    const { right, left } = sheet.getBoundingClientRect();
    sheet.style.left = -Math.min(Math.max(0, right + 10 - document.documentElement.clientWidth), left - 6) + "px";
  });

  // Columns that stay in view need their distance from the left; what lies beyond the right edge is said above.
  const frozen = heads.filter((head) => head.dataset.frozen !== undefined);
  function freeze() {
    let left = heads[0].getBoundingClientRect().width;
    frozen.forEach((head, place) => {
      table.style.setProperty(`--f${place}`, `${left}px`);
      left += head.hidden ? 0 : head.getBoundingClientRect().width;
    });
    const stays = frozen.length && getComputedStyle(frozen[0]).position === "sticky" && getComputedStyle(frozen[0]).left !== "auto";
    table.style.setProperty("--left", `${stays ? left : heads[0].getBoundingClientRect().width}px`);
  }
  function look() {
    const edge = box.getBoundingClientRect().right;
    const beyond = heads.filter((head) => !head.hidden && head.getBoundingClientRect().right > edge + 8);
    const groups = [...new Set(beyond.map((head) => head.dataset.group))].map((name) => $(`.groups [data-group="${name}"]`, table).innerText.trim());
    $("#further").textContent = beyond.length ? text("further", { count: beyond.length, groups: groups.join(", ") }) : "";
    $("#further").hidden = !beyond.length;
    $("#nearer").hidden = box.scrollLeft < 8;
    $("#sideways").hidden = box.scrollWidth <= box.clientWidth + 1;
    frame.classList.toggle("continues", beyond.length > 0);
  }
  let waiting = false;
  const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; freeze(); look(); }); } };
  box.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(soon).observe(box);
  for (const head of [heads[0], ...frozen]) new ResizeObserver(soon).observe(head);
  $("#further").addEventListener("click", () => box.scrollBy({ left: (box.clientWidth - parseFloat(table.style.getPropertyValue("--left"))) * 0.8 }));
  $("#nearer").addEventListener("click", () => box.scrollTo({ left: 0 }));

  function setView(chosen) {
    if (view === chosen) return;
    view = chosen;
    root.classList.toggle("view-deltas", chosen === "deltas");
    for (const button of $$("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === chosen));
    if (sorted) sort(sorted.column, sorted.order);
    filter();
  }
  for (const button of $$("[data-view]")) button.addEventListener("click", () => setView(button.dataset.view));
  // A large board's table omits the intervals of its scores: they are written on first use.
  let written = board.whole;
  async function writeIntervals() {
    if (written) return;
    written = true;
    for (const [row, cells] of cellsOf) {
      const found = (await details(row.dataset.row)).cells;
      for (const [column, cell] of cells) {
        const { s: score, d: delta, g: digits } = found[column] ?? {};
        if (score) cell.append(make("small", {}, range(score), ...(delta ? [make("u", {}, range(delta, true, digits))] : [])));
      }
    }
  }
  async function showIntervals(wanted) {
    $("#intervals").checked = wanted;
    if (wanted) await writeIntervals();
    root.classList.toggle("show-intervals", $("#intervals").checked);
    remember();
  }
  $("#intervals").addEventListener("change", (event) => showIntervals(event.target.checked));
  $("#print").addEventListener("click", async () => {
    await writeIntervals();
    window.print();
  });

  const part = {
    write() {
      const changed = (wanted) => columns.filter((c) => boxes.get(c).checked === wanted && isShownAtFirst(c) !== wanted).map((c) => columnNames.get(c));
      const limited = fields.column.value && fields.limit.value !== "";
      return {
        sort: sorted ? [(sorted.order === "descending" ? "-" : "") + columnNames.get(sorted.column)] : [],
        filter: fields.word.value ? [fields.word.value] : [],
        by: limited ? [columnNames.get(fields.column.value), fields.order.value, fields.limit.value] : [],
        view: view === "scores" ? [] : [view],
        intervals: $("#intervals").checked ? ["shown"] : [],
        group: group ? [group] : [],
        show: changed(true),
        hide: changed(false),
      };
    },
    read(given) {
      fields.word.value = given.filter?.[0] ?? "";
      const [by, order, limit] = given.by ?? [], column = columnOf(by);
      fields.column.value = column ?? "";
      fields.order.value = column && order === "le" ? "le" : "ge";
      fields.limit.value = (column && limit) ?? "";
      setView(given.view?.[0] === "deltas" ? "deltas" : "scores");
      filter();
      if (given.intervals || $("#intervals").checked) showIntervals(Boolean(given.intervals));
      const chosen = (names, isShown) => new Map((names ?? []).map((name) => [columnOf(name), isShown]));
      const changed = new Map([...chosen(given.show, true), ...chosen(given.hide, false)]);
      for (const [column, input] of boxes) input.checked = changed.get(column) ?? isShownAtFirst(column);
      group = $$("[data-show]").some((button) => button.dataset.show === given.group?.[0]) ? given.group[0] : "";
      showColumns();
      const [, sign, name] = /^(-?)(.+)$/.exec(given.sort?.[0] ?? "") ?? [], wanted = columnOf(name);
      if (wanted) sort(wanted, sign ? "descending" : "ascending"); else unsort();
    },
  };
  shared.push(part);
  $("#reset").addEventListener("click", () => {
    part.read({});
    remember();
  });

  // One cell is in the tab order; arrow keys move from it.
  for (const cells of cellsOf.values()) for (const cell of cells.values()) { cell.tabIndex = -1; cell.setAttribute("aria-describedby", "tip"); }
  const firstCell = $("tbody td[data-c]:not([hidden])", table);
  if (firstCell) firstCell.tabIndex = 0;
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("td[data-c]"), step = steps[event.key];
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
  languageListeners.push(filter, soon);
})();
