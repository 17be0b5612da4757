"use strict";
// The page as a whole: language and theme, links within it, printing, downloads, and the state that its address holds.
(() => {
  // The language of the address, else the reader's earlier choice, else the first of the browser's that the page has.
  let chosen = null;
  shared.push({
    write: () => ({ lang: chosen ? [chosen.slice(0, 2)] : [] }),
    read(given) {
      if (["zh", "en"].includes(given.lang?.[0])) chosen = spoken(given.lang[0]);
      const language = chosen ?? spoken(remembered.get("language") ?? preferred());
      if (language !== root.lang) setLanguage(language);
    },
  });
  $("#language").addEventListener("click", () => {
    chosen = chinese() ? "en" : "zh-Hans";
    remembered.set("language", chosen);
    setLanguage(chosen);
    remember();
  });

  // A link within the page opens what it leads to, and leaves the rest of the address as it is.
  let at = null;
  function follow(id) {
    const target = document.getElementById(id);
    if (!target) return;
    if (target.dataset.row !== undefined) return panels.open(target.dataset.row);
    for (let outer = target; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
    target.scrollIntoView({ block: "start" });
    const stop = target.tagName === "DETAILS" ? $("summary", target) : target;
    if (stop === target && !target.hasAttribute("tabindex")) target.tabIndex = -1;
    stop.focus({ preventScroll: true });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const id = link.hash.slice(1), isModel = id.startsWith("model-");
    at = isModel ? null : id;
    if (!isModel) remember({ step: true });
    follow(id);
  });
  shared.push({
    write: () => ({ at: at ? [at] : [] }),
    read(given) { at = given.at && document.getElementById(given.at[0]) ? given.at[0] : null; },
  });

  // What is folded is unfolded on paper.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = $$("details:not([open]):not(.menu)");
    unfolded.forEach((element) => { element.open = true; });
  });
  addEventListener("afterprint", () => unfolded.forEach((element) => { element.open = false; }));

  setLanguage("en");
  restore();
  for (const event of ["popstate", "hashchange"]) addEventListener(event, restore);
  const first = () => follow(at ?? location.hash.slice(1));
  first();
  for (const section of $$("[data-packed]")) unpack(section.dataset.packed).then((html) => {
    section.outerHTML = html;
    if (at) first();
  });
  const reload = () => {
    const busy = $(".panel") || $("#filter").value || $("#by-value").value || $("#columns").open;
    if (busy) setTimeout(reload, 1000); else location.reload();
  };
  if (root.dataset.reload) setTimeout(reload, 1000 * root.dataset.reload);
})();
