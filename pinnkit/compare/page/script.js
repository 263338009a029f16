"use strict";
// Sorts the rows of a table when one of its titles is pressed.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  const titles = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    return "order" in cell.dataset ? Number(cell.dataset.order.replace("inf", "Infinity")) : cell.textContent;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? (a > b) - (a < b) : String(a).localeCompare(String(b));
  titles.forEach((title, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    title.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const direction = title.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      const sign = direction === "ascending" ? 1 : -1;
      titles.forEach((other) => other.setAttribute("aria-sort", other === title ? direction : "none"));
      body.append(...[...body.rows].sort((a, b) => sign * compare(key(a, column), key(b, column))));
    });
  });
}

// Shows a figure as large as the window when it is pressed.
const dialog = document.createElement("dialog");
const close = document.createElement("button");
close.type = "button";
close.textContent = "Close";
close.addEventListener("click", () => dialog.close());
const place = document.createElement("div");
dialog.append(close, place);
dialog.setAttribute("aria-label", "Figure");
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
document.body.append(dialog);
for (const picture of document.querySelectorAll(".picture")) {
  const open = () => {
    const copy = picture.cloneNode(true);
    for (const name of ["tabindex", "role", "aria-label"]) copy.removeAttribute(name);
    place.replaceChildren(copy);
    dialog.showModal();
  };
  picture.tabIndex = 0;
  picture.setAttribute("aria-label", "Enlarge: " + (picture.getAttribute("aria-label") ?? picture.firstElementChild.alt));
  picture.setAttribute("role", "button");
  picture.addEventListener("click", open);
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); open(); }
  });
}
