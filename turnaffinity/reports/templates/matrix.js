"use strict";
// Turns the decisions, lights the row up, and plays a counterexample step by step; two readings side by side.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const section = document.getElementById("turn"), play = document.getElementById("play");
  const sides = Object.fromEntries([...section.querySelectorAll(".side")].map((one) => [one.dataset.side, one]));
  const beside = document.getElementById("beside");
  let goal = null, at = 0;

  const rowOf = (side) => {
    const chosen = [...sides[side].querySelectorAll("select")].map((one) => one.value);
    return data.choices.findIndex((row) => row.every((choice, index) => choice === chosen[index]));
  };
  const make = (tag, text, style) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (style) element.className = style;
    return element;
  };
  const film = (row, steps, shown) => {
    const box = make("div", "", "film");
    box.append(make("h4", data.names[row] || data.choices[row].join(" / ")));
    const strip = make("ol", "", "strip");
    steps.slice(0, shown + 1).forEach((number, index) => {
      const step = data.steps[number], frame = make("li", "", "frame" + (index === shown ? " now" : ""));
      if (step.who) frame.append(make("b", step.who, "who"));
      step.jobs.forEach(([lang, node, how]) => frame.append(make("span", `${lang} → ${node || "-"}`, `job ${node || "none"} ${how.replace(" ", "-")}`)));
      step.keys.forEach(([turn, node]) => frame.append(make("code", `${turn} = ${node}`)));
      if (index) strip.append(frame);
    });
    box.append(strip, make("p", data.steps[steps[shown]].says, "says"));
    return box;
  };
  const parts = (one, other) => {
    const where = one.findIndex((number, index) => {
      const a = data.steps[number], b = data.steps[other[index]];
      return JSON.stringify([a.jobs, a.keys]) !== JSON.stringify([b.jobs, b.keys]);
    });
    return where < 0 ? null : where;
  };
  const show = () => {
    const a = rowOf("a"), b = beside.checked ? rowOf("b") : null;
    sides.b.hidden = !beside.checked;
    for (const [side, row] of [["a", a], ["b", b]])
      sides[side].querySelector("output").textContent = row === null ? "" : data.names[row];
    document.querySelectorAll("#matrix tr[data-row]").forEach((row) => {
      row.classList.toggle("lit", Number(row.dataset.row) === a);
      row.classList.toggle("lit-b", Number(row.dataset.row) === b);
    });
    document.querySelectorAll("#marks button").forEach((button) => {
      const column = data.goals.indexOf(button.dataset.goal);
      for (const [side, row] of [["a", a], ["b", b]]) {
        const mark = button.querySelector(`.mark.${side}`), holds = row !== null && data.holds[row][column];
        mark.textContent = row === null ? "" : holds ? "✓" : "✗";
        mark.className = `mark ${side} ${row === null ? "" : holds ? "pass" : "fail"}`;
      }
      const broken = [a, b].some((row) => row !== null && !data.holds[row][column]);
      button.disabled = !broken;
      button.setAttribute("aria-pressed", String(button.dataset.goal === goal && broken));
      if (!broken && button.dataset.goal === goal) goal = null;
    });
    play.hidden = goal === null;
    if (goal === null) return;
    const owner = [a, b].find((row) => row !== null && !data.holds[row][data.goals.indexOf(goal)]);
    const told = data.plays[`${owner} ${goal}`], last = told.under[owner].length - 1;
    at = Math.max(0, Math.min(at, last));
    play.querySelector("h3").textContent = told.title;
    const films = play.querySelector(".films");
    films.replaceChildren(...[a, b].filter((row) => row !== null).map((row) => film(row, told.under[row], at)));
    const differs = b === null ? null : parts(told.under[a], told.under[b]);
    films.classList.toggle("apart", differs !== null && at >= differs);
    play.querySelector(".place").textContent = `${at} / ${last}`;
    const ending = play.querySelector(".ending");
    ending.hidden = at < last;
    ending.replaceChildren(...told.ending.flatMap((line) => [document.createTextNode(line), document.createElement("br")]));
    play.querySelector("[data-go='-1']").disabled = at === 0;
    play.querySelector("[data-go='1']").disabled = at === last;
  };
  const go = (by) => { at += by; show(); };

  section.addEventListener("change", () => { at = 0; show(); });
  document.getElementById("marks").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    goal = button.dataset.goal === goal ? null : button.dataset.goal;
    at = 0;
    show();
    if (goal) play.focus({ preventScroll: true });
  });
  play.addEventListener("click", (event) => { const by = Number(event.target.dataset.go); if (by) go(by); });
  play.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) { event.preventDefault(); go(by); }
  });
  document.getElementById("matrix").addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-row]");
    if (!row) return;
    data.choices[Number(row.dataset.row)].forEach((choice, index) => { sides.a.querySelectorAll("select")[index].value = choice; });
    const column = event.target.cellIndex - 5;
    if (column >= 0 && !data.holds[Number(row.dataset.row)][column]) goal = data.goals[column];
    at = 0;
    show();
  });

  for (const [side, name] of [["a", "intent"], ["b", "steady"]])
    data.choices[data.names.indexOf(name)].forEach((choice, index) => { sides[side].querySelectorAll("select")[index].value = choice; });
  section.hidden = false;
  show();
})();
