"use strict";

const EXAMPLES_ON_A_PAGE = 20;

// The value of a cell to sort by: a number where it has one, null where nothing was measured, else its text.
function valueOf(row, column) {
  const cell = row.cells[column];
  if (!("value" in cell.dataset)) return cell.textContent;
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function compare(one, other, direction) {
  if (one === null || other === null) return (one === null) - (other === null);
  const order = typeof one === "number" ? one - other : one.localeCompare(other, undefined, { numeric: true });
  return direction === "descending" ? -order : order;
}

function makeSortable(table) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const direction = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const each of headers) each.setAttribute("aria-sort", each === header ? direction : "none");
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => compare(valueOf(one, column), valueOf(other, column), direction));
      table.tBodies[0].append(...rows);
    });
  });
}

function makeBrowsable(block) {
  const items = [...block.querySelectorAll("ol > li")];
  const texts = items.map((item) => item.textContent.toLowerCase());
  const filters = [...block.querySelectorAll("[data-filter]")];
  const pages = block.querySelector(".pages");
  const [previous, next] = pages.querySelectorAll("button");
  let page = 0;

  function isWanted(item, place) {
    return filters.every(({ dataset, value }) => {
      if (dataset.filter === "text") return texts[place].includes(value.trim().toLowerCase());
      return value === "" || item.dataset[dataset.filter] === value;
    });
  }

  function show() {
    const wanted = items.filter(isWanted);
    const last = Math.max(0, Math.ceil(wanted.length / EXAMPLES_ON_A_PAGE) - 1);
    page = Math.min(page, last);
    const shown = new Set(wanted.slice(page * EXAMPLES_ON_A_PAGE, (page + 1) * EXAMPLES_ON_A_PAGE));
    for (const item of items) item.hidden = !shown.has(item);
    block.querySelector(".count").textContent = `${wanted.length} of ${items.length} examples`;
    block.querySelector("[data-page]").textContent = `Page ${page + 1} of ${last + 1}`;
    pages.hidden = last === 0;
    previous.disabled = page === 0;
    next.disabled = page === last;
  }

  for (const filter of filters) {
    filter.addEventListener(filter.type === "search" ? "input" : "change", () => {
      page = 0;
      show();
    });
  }
  for (const button of [previous, next]) {
    button.addEventListener("click", () => {
      page += Number(button.dataset.turn);
      show();
      block.scrollIntoView({ block: "start" });
    });
  }
  block.querySelector(".filters").hidden = false;
  show();
}

document.querySelectorAll("[data-sortable]").forEach(makeSortable);
document.querySelectorAll("[data-examples]").forEach(makeBrowsable);
