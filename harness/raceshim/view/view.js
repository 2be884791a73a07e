// SPDX-License-Identifier: BSD-2-Clause
"use strict";
(() => {
  const bar = document.getElementById("bar");
  if (!bar) return;
  const byId = (name) => document.getElementById(name);
  const findings = [...document.querySelectorAll("details.finding")];
  const search = byId("search");
  const choices = ["state", "kind", "result"].map(byId).filter((each) => each);
  const texts = new Map();
  bar.hidden = false;

  // What a finding says is read when somebody searches, and once.
  function textOf(finding) {
    if (!texts.has(finding)) texts.set(finding, finding.textContent);
    return texts.get(finding);
  }

  function isChosen(finding) {
    return choices.every(({ id, value }) => {
      if (value === "") return true;
      if (id === "result") return finding.dataset.results.split(" ").includes(value);
      return finding.dataset[id] === value;
    });
  }

  function filter() {
    let pattern = null;
    search.classList.remove("bad");
    try {
      if (search.value) pattern = new RegExp(search.value, "i");
    } catch {
      search.classList.add("bad");
      return;
    }
    let shown = 0;
    for (const finding of findings) {
      finding.hidden = !(isChosen(finding) && (!pattern || pattern.test(textOf(finding))));
      shown += !finding.hidden;
    }
    byId("found").textContent = `${shown} of ${findings.length}`;
  }

  function openAll(open) {
    for (const finding of findings) if (!open || !finding.hidden) finding.open = open;
  }

  function openTarget() {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name && byId(name);
    if (!target || !target.matches("details.finding")) return;
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }

  search.addEventListener("input", filter);
  for (const choice of choices) choice.addEventListener("change", filter);
  byId("open").addEventListener("click", () => openAll(true));
  byId("close").addEventListener("click", () => openAll(false));
  addEventListener("hashchange", openTarget);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") openAll(false);
    if (event.key !== "/" || event.target === search) return;
    event.preventDefault();
    search.focus();
  });
  filter();
  openTarget();
})();
