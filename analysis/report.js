"use strict";
// Everything on the page that reacts: the maps of the grid, the runs of a cell, and the table of all runs.
const DATA = JSON.parse(document.getElementById("data").textContent);
const PAGE_ROWS = 200;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "html") made.innerHTML = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function written(value) {
  if (value === null) return "–";
  if (typeof value !== "number") return value;
  const text = Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 100 ? 3 : 0);
  return text.replace("-", "−");
}

// The table of runs. Every word of the search box must be in a row; "critic_accuracy<0.7" compares a column.
function runTable() {
  const place = document.getElementById("run-table");
  const { columns, names, rows, cells } = DATA.runs;
  const texts = rows.map((row) => row.map((value) => (value === null ? "" : value)).join(" ").toLowerCase());
  const search = document.getElementById("run-search");
  const count = document.getElementById("run-count");
  const chosen = {};
  let sorted = null, down = false, limit = PAGE_ROWS, order = rows.map((_, index) => index);

  function choices(name) {
    const column = names.indexOf(name);
    const values = [...new Set(rows.map((row) => row[column] ?? "–"))].map((value) => String(value).split(":")[0]);
    const list = element("select", { "aria-label": name, onchange: () => { chosen[name] = list.value; limit = PAGE_ROWS; show(); } },
      element("option", { value: "" }, `any ${name}`),
      ...[...new Set(values)].sort().map((value) => element("option", { value }, value)));
    return list;
  }
  document.getElementById("run-choices").append(...["block", "origin", "status"].map(choices));

  function condition(word) {
    const match = /^([^<>=]+)(<=|>=|<|>|=)(-?[\d.]+(?:e-?\d+)?)$/.exec(word);
    const column = match ? names.findIndex((name) => name.toLowerCase() === match[1]) : -1;
    if (column < 0) return (index) => texts[index].includes(word);
    const bound = Number(match[3]);
    const compare = { "<": (v) => v < bound, ">": (v) => v > bound, "<=": (v) => v <= bound, ">=": (v) => v >= bound, "=": (v) => v === bound };
    return (index) => typeof rows[index][column] === "number" && compare[match[2]](rows[index][column]);
  }

  function show() {
    const tests = search.value.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
    for (const [name, value] of Object.entries(chosen)) {
      const column = names.indexOf(name);
      if (value) tests.push((index) => String(rows[index][column] ?? "–").split(":")[0] === value);
    }
    const found = order.filter((index) => tests.every((test) => test(index)));
    body.replaceChildren(...found.slice(0, limit).map(row));
    count.textContent = `${found.length} of ${rows.length} runs`;
    more.hidden = found.length <= limit;
  }

  function row(index) {
    return element("tr", { onclick: () => openCell(cells[index], rows[index][2]) },
      ...rows[index].map((value) => element("td", { class: typeof value === "number" ? "num" : false }, written(value))));
  }

  function sort(column) {
    down = sorted === column ? !down : false;
    sorted = column;
    order = rows.map((_, index) => index).sort((a, b) => {
      const [p, q] = [rows[a][column], rows[b][column]];
      if (p === null || q === null) return (p === null) - (q === null);
      const difference = typeof p === "number" && typeof q === "number" ? p - q : String(p).localeCompare(String(q), undefined, { numeric: true });
      return down ? -difference : difference;
    });
    titles.forEach((title, index) => index === column
      ? title.setAttribute("aria-sort", down ? "descending" : "ascending") : title.removeAttribute("aria-sort"));
    show();
  }

  const titles = columns.map((label, column) => element("th", {
    scope: "col", tabindex: 0, html: label, class: rows.some((cells) => typeof cells[column] === "number") ? "num" : false,
    title: names[column], onclick: () => sort(column), onkeydown: (event) => { if (event.key === "Enter") sort(column); },
  }));
  const body = element("tbody");
  const more = element("button", { type: "button", onclick: () => { limit += 5 * PAGE_ROWS; show(); } }, "Show more runs");
  place.append(element("table", { class: "sortable runs" }, element("thead", {}, element("tr", {}, ...titles)), body), more);
  search.addEventListener("input", () => { limit = PAGE_ROWS; show(); });
  show();
}

// The runs and the samples of one cell.
function openCell(key, label, number = null) {
  const panel = document.getElementById("cell");
  const { rows, cells } = DATA.runs;
  const found = rows.filter((_, index) => cells[index] === key);
  const parts = found.map((row) => {
    const folder = `../runs/${encodeURIComponent(row[0])}/`;
    const picture = element("img", { src: `${folder}samples.png`, alt: `samples of ${row[0]}`, loading: "lazy", onerror: (event) => event.target.remove() });
    return element("figure", {}, picture, element("figcaption", {}, element("a", { href: folder }, row[0]), ` seed ${written(row[3])}, ${row[5]}`));
  });
  panel.replaceChildren(
    element("h3", {}, `${label}: ${found.length} ${found.length === 1 ? "run" : "runs"}`),
    element("p", { class: "note" }, number ?? "", " Samples lie beside this page, in the runs' folders."),
    element("div", { class: "pictures" }, ...parts),
    element("button", { type: "button", onclick: () => { panel.hidden = true; } }, "Close"));
  panel.hidden = false;
  panel.scrollIntoView({ block: "nearest" });
}

// A shade between white, blue and dark blue, as in the printed maps.
function blue(share) {
  const stops = [[247, 251, 255], [107, 174, 214], [8, 48, 107]];
  const [from, to] = share < 0.5 ? [stops[0], stops[1]] : [stops[1], stops[2]];
  const part = share < 0.5 ? 2 * share : 2 * share - 1;
  return `rgb(${from.map((value, index) => Math.round(value + (to[index] - value) * part)).join(" ")})`;
}

// One map at a time, of any measure over any family of cells.
function gridMaps() {
  const place = document.getElementById("maps");
  if (!DATA.maps.length) { place.append("No cell with a latent dimension or a number of categories has finished."); return; }
  const families = element("select", { "aria-label": "cells", onchange: measuresOf }, ...DATA.maps.map((map, index) => element("option", { value: index }, map.title)));
  const measures = element("select", { "aria-label": "measure", onchange: draw });
  const table = element("div", { class: "scroll" });
  place.append(element("p", {}, families, " ", measures), table);

  function measuresOf() {
    const name = measures.selectedOptions[0]?.dataset.name;
    const map = DATA.maps[families.value];
    measures.replaceChildren(...map.measures.map((measure, index) => element("option", { value: index, "data-name": measure.name, selected: measure.name === name, html: measure.label })));
    draw();
  }

  function draw() {
    const map = DATA.maps[families.value], at = Number(measures.value);
    const { low, high } = map.measures[at];
    const grid = map.sizes.map(() => map.noises.map(() => element("td", { class: "empty" })));
    map.cells.forEach((key, index) => {
      const [mean, half, seeds] = [map.means[at][index], map.halves[at][index], map.seeds[at][index]];
      const share = mean === null ? 0 : Math.min(1, Math.max(0, (mean - low) / (high - low)));
      const words = `${map.labels[index]}: ${written(mean)}${half === null ? "" : ` ± ${written(half)}`}, ${seeds ?? 0} of ${map.wanted[index]} seeds${map.hatched[index] ? ", not calibrated" : ""}`;
      const button = element("button", {
        type: "button", title: words, "aria-label": words, "data-cell": key, class: map.hatched[index] && mean !== null ? "hatched" : false,
        style: mean === null ? "" : `--shade: ${blue(share)}; color: ${share > 0.55 ? "#fff" : "#1d2430"}`,
        onclick: () => openCell(key, map.labels[index], words),
      }, written(mean), element("small", {}, [half === null ? "" : `± ${written(half)}`, (seeds ?? 0) < map.wanted[index] ? `${seeds ?? 0} of ${map.wanted[index]}` : ""].filter(Boolean).join(" · ")));
      grid[map.places[index][0]][map.places[index][1]].replaceChildren(button);
      grid[map.places[index][0]][map.places[index][1]].className = "";
    });
    const rows = map.sizes.map((size, index) => element("tr", {}, element("th", { scope: "row" }, written(size)), ...grid[index])).reverse();
    const foot = element("tr", {}, element("th", {}, `${map.size} ↑ noise →`), ...map.noises.map((noise) => element("th", { scope: "col" }, written(noise))));
    table.replaceChildren(element("table", { class: "map" }, element("tbody", {}, ...rows), element("tfoot", {}, foot)));
  }
  measuresOf();
}

gridMaps();
runTable();
