"use strict";
// The tooltip: all of a cell, or what a term means; by pointer, by touch, and at the focus of the keyboard.
const tip = (() => {
  const bubble = $("#tip");
  const line = (name, value) => make("span", { class: "row" }, make("span", {}, name), make("span", {}, value));
  const headOf = (column) => $(`.heads th[data-c="${column}"] button`).innerText.split("\n")[0].trim();
  // What is folded has no inner text, so the language is chosen here.
  const meaning = (term) => {
    const place = $(`#term-${term}`);
    return place ? ($(`[lang="${root.lang}"]`, place) ?? place).textContent : "";
  };

  function ofSummary(cell, note) {
    return [line($("b", cell).innerText, $("small", cell)?.textContent ?? ""), ...(note ? [make("bdi", {}, note)] : [])];
  }
  function ofScore(found, column) {
    if (found.x) return [make("span", {}, text(found.x), found.why ? ": " : "", make("bdi", {}, either(found.why)))];
    const lines = [line(text("score"), `${found.s[0].toFixed(1)} ${range(found.s)}`)];
    if (found.d) lines.push(line(text("delta"), `${minus(found.d[0], found.g)} ${range(found.d, true, found.g)}`));
    if (found.p !== undefined) lines.push(line(text("p"), found.p < 0.001 ? "< 0.001" : String(found.p)));
    if (found.v !== undefined) lines.push(line(text("verdict"), text(verdicts[found.v])));
    if (found.b) lines.push(line("", text(found.b === 1 ? "best" : "tied")));
    if (found.k) lines.push(line(text("seeds"), found.k.map((value) => value.toFixed(1)).join(", ")));
    if (found.why) lines.push(make("bdi", {}, either(found.why)));
    return [...lines, line("n", `${board.columns[column].items} ${text("items")}`)];
  }
  async function ofCell(cell) {
    const { row } = cell.parentElement.dataset, { c: column } = cell.dataset;
    const { cells, notes } = await details(row);
    const lines = column.startsWith("s") ? ofSummary(cell, either(notes[column.slice(1)])) : ofScore(cells[column], column);
    return [make("b", {}, make("bdi", {}, board.rows[row].title), " · ", make("bdi", {}, headOf(column))), ...lines];
  }
  function ofTerm(element) {
    const { term } = element.dataset, task = /^t\d+$/.test(term) ? board.columns[term.slice(1)] : null;
    const lines = [make("b", {}, make("bdi", {}, task ? either(task.title) : element.innerText.trim()))];
    if (task) lines.push(make("span", {}, `${either(task.metric)} · ${meaning(task.role)}`), make("br"));
    return [...lines, make("bdi", {}, meaning(term))];
  }
  const ofModel = (button) => $$("[data-term]", button.parentElement).flatMap(ofTerm);
  const content = (element) => element.matches("td") ? ofCell(element) : element.matches(".open") ? ofModel(element) : ofTerm(element);

  let told = null;
  function hide() {
    told = null;
    bubble.hidden = true;
  }
  async function show(element) {
    told = element;
    const lines = await content(element);
    if (told !== element) return;
    bubble.replaceChildren(...lines);
    bubble.hidden = false;
    const at = element.getBoundingClientRect(), size = bubble.getBoundingClientRect();
    const below = at.bottom + size.height + 8 < innerHeight;
    bubble.style.left = Math.max(6, Math.min(at.left, innerWidth - size.width - 6)) + "px";
    bubble.style.top = (below ? at.bottom + 5 : Math.max(4, at.top - size.height - 5)) + "px";
  }
  const explained = (target) => target?.closest?.("td[data-c], [data-term]");
  const focused = () => explained(document.activeElement);
  // A pointer at rest seems to move when the page scrolls; the tooltip of the focused element stays.
  const leave = () => { const element = focused(); if (element) show(element); else hide(); };
  document.addEventListener("mouseover", (event) => { const element = explained(event.target); if (element) show(element); else if (told) leave(); });
  document.addEventListener("click", (event) => { const element = explained(event.target); if (element) show(element); else hide(); });
  document.addEventListener("focusin", (event) => {
    const element = event.target.matches(".open:focus-visible") ? event.target : explained(event.target);
    if (element) show(element);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", () => { const element = focused(); if (element && told === element) show(element); else hide(); }, { capture: true, passive: true });
  return { hide };
})();
