"use strict";
// Shared by the scripts below: the data, and how it is read and shown.
const board = JSON.parse(document.getElementById("data").textContent);
// A row's figures are whole hundredths of a point, three digits to the base of 36 each, from half of their range on.
// What has more decimals stands beside them.
const figures = (digits) => (digits.match(/.../g) ?? []).map((three) => three === "---" ? null : (parseInt(three, 36) - 23328) / 100);
for (const row of board.rows) {
  row.name ??= row.title;
  row.scores = figures(row.scores);
  row.deltas = Object.assign(figures(row.deltas), row.fine);
}

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "path", "circle", "rect", "polyline", "text", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const text = (key, values = {}) => board.texts[key][chinese() ? 1 : 0].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const either = (both) => Array.isArray(both) ? both[chinese() ? 1 : 0] : both;
const minus = (number, digits = 1) => {
  const shown = number.toFixed(digits);
  return Number(shown) === 0 ? (0).toFixed(digits) : number > 0 ? "+" + shown : shown.replace("-", "−");
};
const range = (estimate, sign, digits) => estimate.length < 3 ? text("no_interval")
  : sign ? `[${minus(estimate[1], digits)}, ${minus(estimate[2], digits)}]` : `[${estimate[1].toFixed(1)}, ${estimate[2].toFixed(1)}]`;
// Large data is packed: compressed, as base64. A model's details are unpacked when its panel is opened; ends of
// intervals are stored as whole steps from the figure.
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}
const estimate = (figure, [down, up], steps) => {
  const whole = Math.floor(figure * steps + 0.5);
  return down === undefined ? [figure] : [figure, (whole - down) / steps, (whole + up) / steps];
};
function readable(place, { cells, ...rest }) {
  const row = board.rows[place], fields = Object.entries(cells);
  const cell = (at) => {
    const found = Object.fromEntries(fields.map(([name, values]) => [name, values[at]]).filter(([, value]) => value !== null));
    if (found.s) found.s = estimate(row.scores[at], found.s, 10);
    if (found.d) found.d = estimate(row.deltas[at], found.d, 10 ** Math.max(2, found.g ?? 0));
    return found;
  };
  return { ...row, ...rest, cells: board.columns.map((_, at) => cell(at)) };
}
const unpacked = new Map();
async function details(place) {
  const bundle = Math.floor(place / board.together);
  if (!unpacked.has(bundle)) unpacked.set(bundle, unpack(board.packed[bundle]).then(JSON.parse));
  return readable(Number(place), (await unpacked.get(bundle))[place % board.together]);
}
const verdicts = ["improved", "unchanged", "inconclusive", "regressed"];
const titleOf = (column) => either(board.columns[column].title);
const recipeOf = (row) => row.kind === "variant" ? { ...board.shared.recipe, ...row.recipe } : row.recipe;
const say = (message) => { $("#status").textContent = message; };
