"use strict";
// What a link shares: order, filters, columns, view, open models and language, written behind the # of the address as
// name=value,value&… Every script adds its part: `write` returns name → values, `read` applies them, or the default
// where they are absent. What isn't known is ignored.
const shared = [];
let restoring = true;

function parameters() {
  const given = {};
  for (const part of location.hash.slice(1).split("&")) {
    const [, name, values] = /^([a-z]+)=(.+)$/.exec(part) ?? [];
    try { if (name) given[name] = values.split(",").map(decodeURIComponent); } catch { /* not written by this page */ }
  }
  return given;
}

// A step is what the Back button undoes, such as an opened model; anything else replaces the address.
function remember({ step = false } = {}) {
  if (restoring) return;
  const parts = shared.flatMap((part) => Object.entries(part.write())).filter(([, values]) => values.length);
  const hash = parts.map(([name, values]) => `${name}=${values.map(encodeURIComponent).join(",")}`).join("&");
  const address = location.href.split("#")[0] + (hash ? "#" + hash : "");
  if (address === location.href) return;
  try {
    history[step ? "pushState" : "replaceState"](null, "", address);
  } catch { /* some frames forbid it, and browsers limit how often */ }
}

function restore() {
  restoring = true;
  const given = parameters();
  for (const part of shared) part.read(given);
  restoring = false;
}

// A column in an address: its name, which stays when columns are added.
const columnNames = new Map([["name", "model"], ...board.summaries.map((name, place) => ["s" + place, name]),
  ...board.columns.map((column, place) => [String(place), "task." + column.name])]);
const columnOf = (name) => [...columnNames].find(([, known]) => known === name)?.[0];
