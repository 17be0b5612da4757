"use strict";
// The scores as files, written from the page itself, so that a page sent alone has them too. The fields are those of
// scores.csv; figures are rounded as the page shows them.
(() => {
  const look = board.limit ?? undefined;
  const ends = (name, [value, low, high] = []) => ({ [name]: value, [`${name}_low`]: low, [`${name}_high`]: high });
  function lineOf(cell, column) {
    const common = { column: column.name, role: column.role, metric: [column.metric].flat()[0], limit: column.limit ?? look };
    if (cell.x) return { ...common, status: cell.x, reason: [cell.why].flat()[0] };
    const p = cell.p === undefined ? undefined : cell.p || "<0.001";
    return { ...common, status: "measured", reason: [cell.why].flat()[0], ...ends("score", cell.s), ...ends("delta", cell.d),
      p_value: p, verdict: verdicts[cell.v], best: cell.b === 1, tied: cell.b === 2, items: column.items };
  }
  function sumsOf(place) {
    return board.summaries.flatMap((name, number) => {
      const score = board.rows[place].sums[number];
      return score === null ? [] : [{ column: name, role: "column", status: "measured", score, limit: look }];
    });
  }
  async function lines() {
    const all = [];
    for (const place of board.rows.keys()) {
      const row = await details(place), who = { model: row.name, title: row.title, kind: row.kind };
      all.push(...row.cells.map((cell, at) => ({ ...who, ...lineOf(cell, board.columns[at]) })), ...sumsOf(place).map((sum) => ({ ...who, ...sum })));
    }
    return all;
  }
  const fields = ["model", "title", "kind", "column", "role", "metric", "status", "reason", "score", "score_low", "score_high",
    "delta", "delta_low", "delta_high", "p_value", "verdict", "best", "tied", "items",
    ...(look || board.columns.some((column) => column.limit) ? ["limit"] : [])];
  // A spreadsheet takes text that begins with a sign for a formula.
  const safe = (value) => typeof value === "string" && /^\s*[=+@−-]|^[\t\r\n]/.test(value.normalize("NFKC")) ? "'" + value : value;
  const quoted = (value) => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const csv = (all) => [fields, ...all.map((line) => fields.map((name) => quoted(String(safe(line[name]) ?? ""))))].map((line) => line.join(",") + "\n").join("");
  const json = (all) => JSON.stringify({ board: board.label, set: board.set, reference: board.reference, limit: board.limit, scores: all }, null, 1) + "\n";
  function save(name, type, content) {
    const link = make("a", { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
  $("#as-csv").addEventListener("click", async () => save(`${board.label}.csv`, "text/csv", csv(await lines())));
  $("#as-json").addEventListener("click", async () => save(`${board.label}.json`, "application/json", json(await lines())));
})();
