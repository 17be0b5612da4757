"use strict";
// The search, and the language, both behind the # of the address: q=words&lang=zh.
(() => {
  const field = $("#search"), form = $(".finder"), boards = $$(".board");
  const words = boards.map((board) => `${board.dataset.words} ${board.textContent}`.toLowerCase());
  let chosen = null;

  function filter() {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    boards.forEach((board, place) => { board.hidden = !wanted.every((word) => words[place].includes(word)); });
    const shown = boards.filter((board) => !board.hidden).length;
    $("#nothing").hidden = shown > 0 || !boards.length;
    const sentence = form.getAttribute(chinese() ? "data-found-zh" : "data-found-en");
    $("#found").textContent = wanted.length ? sentence.replace("{shown}", shown).replace("{boards}", boards.length) : "";
  }

  function remember() {
    const parts = [field.value && `q=${encodeURIComponent(field.value)}`, chosen && `lang=${chosen.slice(0, 2)}`];
    const hash = parts.filter(Boolean).join("&");
    try {
      history.replaceState(null, "", location.href.split("#")[0] + (hash ? "#" + hash : ""));
    } catch { /* some frames forbid it, and browsers limit how often */ }
  }

  // A page on disk may not see what another page remembers, so a link to a board has the language in it.
  languageListeners.push(() => {
    for (const link of $$(".board-link")) link.hash = chosen ? `lang=${chosen.slice(0, 2)}` : "";
    filter();
  });

  function restore() {
    const given = new URLSearchParams(location.hash.slice(1));
    field.value = given.get("q") ?? "";
    if (["zh", "en"].includes(given.get("lang"))) chosen = spoken(given.get("lang"));
    setLanguage(chosen ?? spoken(remembered.get("language") ?? preferred()));
  }

  $("#language").addEventListener("click", () => {
    chosen = chinese() ? "en" : "zh-Hans";
    remembered.set("language", chosen);
    setLanguage(chosen);
    remember();
  });
  field.addEventListener("input", () => { filter(); remember(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const event of ["popstate", "hashchange"]) addEventListener(event, restore);
  restore();
})();
