"use strict";
// The tables marked "sortable" sort by a click on a column's title; the search box above one filters its rows by every word.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const number = (text) => (text.trim() === "" ? NaN : Number(text.replaceAll("−", "-").replaceAll("+", "")));
  [...table.tHead.rows[0].cells].forEach((title, column) => {
    title.tabIndex = 0;
    const sort = () => {
      const down = title.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keys = new Map(rows.map((row) => [row, row.cells[column].textContent]));
      const ordered = [...rows].sort((a, b) => {
        const [p, q] = [keys.get(a), keys.get(b)];
        if (p === "–" || q === "–") return (p === "–") - (q === "–");
        const [x, y] = [number(p), number(q)];
        const order = Number.isNaN(x) || Number.isNaN(y) ? p.localeCompare(q) : x - y;
        return down ? -order : order;
      });
      body.append(...ordered);
    };
    title.addEventListener("click", sort);
    title.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
  const search = document.querySelector(`input[data-table="${table.id}"]`);
  const count = document.querySelector(`output[data-table="${table.id}"]`);
  if (!search) continue;
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    if (count) count.textContent = `${shown} of ${rows.length} runs`;
  };
  search.addEventListener("input", filter);
  filter();
}
