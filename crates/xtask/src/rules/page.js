"use strict";
const form = document.querySelector("form");
const rows = [...document.querySelectorAll("tbody tr")];
function filter() {
  const { rfc, business, proof, text } = Object.fromEntries(new FormData(form));
  let shown = 0;
  for (const row of rows) {
    const has = row.dataset;
    row.hidden = !(
      (rfc === "" || has.rfc === rfc) &&
      (business === "" || has.business === business) &&
      (proof === "" || has.proof.split(" ").includes(proof)) &&
      row.textContent.toLowerCase().includes(text.toLowerCase())
    );
    shown += row.hidden ? 0 : 1;
  }
  form.querySelector("output").textContent = `${shown} of ${rows.length}`;
}
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
filter();
