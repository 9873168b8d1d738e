"use strict";
(() => {
  const table = document.getElementById("results");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);

  const value = (row, column) => {
    const cell = row.cells[column];
    const key = cell.dataset.value;
    return key === undefined ? cell.textContent : key === "" ? null : Number(key);
  };

  const sort = (column, ascending) => {
    const sign = ascending ? 1 : -1;
    rows.sort((a, b) => {
      const x = value(a, column), y = value(b, column);
      // What has no value stays at the end either way.
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (typeof x === "number" ? x - y : x.localeCompare(y));
    });
    rows.forEach((row) => body.append(row));
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () =>
      sort(column, head.getAttribute("aria-sort") !== "ascending"));
  });

  const words = document.getElementById("words");
  const part = document.getElementById("part");
  const group = document.getElementById("group");
  const count = document.getElementById("count");

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row) => {
      const text = row.cells[0].textContent.toLowerCase();
      const keep = wanted.every((word) => text.includes(word))
        && (part.value === "" || row.dataset.part === part.value)
        && (!group.checked || row.classList.contains("group"));
      row.hidden = !keep;
      shown += keep;
    });
    count.textContent = `${shown} of ${rows.length} rows`;
  };

  [words, part, group].forEach((control) => control.addEventListener("input", filter));
  filter();

  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
})();
