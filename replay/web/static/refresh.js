"use strict";

// Renews the parts of a page that are marked for it, by asking for the same page again: the server
// makes all text, so nothing is ever put together here. Everything works without this script.

(() => {
  const seconds = Number(document.body.dataset.refresh || 0);
  const live = document.getElementById("live");
  let failing = false;

  const opened = (part) =>
    [...part.querySelectorAll("details")].map((details) => details.open);

  const reached = (part) => [...part.querySelectorAll("a, summary, button, [tabindex]")];

  function renew(fresh) {
    for (const old of document.querySelectorAll(".live-part[id]")) {
      const found = fresh.getElementById(old.id);
      if (!found || found.innerHTML === old.dataset.seen) continue;
      // Whoever marks a text to copy it is not disturbed.
      const marked = getSelection();
      if (!marked.isCollapsed && old.contains(marked.anchorNode)) continue;
      const next = document.importNode(found, true);
      next.dataset.seen = found.innerHTML;
      const states = opened(old);
      next.querySelectorAll("details").forEach((details, place) => {
        details.open = states[place] || false;
      });
      mark(old, next);
      const focus = reached(old).indexOf(document.activeElement);
      old.replaceWith(next);
      if (focus >= 0) reached(next)[focus]?.focus({ preventScroll: true });
    }
  }

  // Counters that have changed light up for a moment.
  function mark(old, next) {
    for (const figure of next.querySelectorAll("[data-counter]")) {
      const name = CSS.escape(figure.dataset.counter);
      const former = old.querySelector(`[data-counter="${name}"]`);
      if (former && former.textContent !== figure.textContent) figure.classList.add("fresh");
    }
  }

  async function look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, {
        cache: "no-store",
        headers: { accept: "text/html" },
        signal: AbortSignal.timeout(30000),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!fresh.getElementById("content")) throw new Error("no page");
      renew(fresh);
      if (failing) live.textContent = "";
      failing = false;
    } catch {
      if (!failing) {
        const now = new Date().toISOString().slice(11, 19);
        live.textContent = `No answer since ${now} UTC: what is shown is from before.`;
      }
      failing = true;
    }
  }

  async function looking() {
    await look();
    setTimeout(looking, seconds * 1000);
  }
  if (seconds > 0) {
    setTimeout(looking, seconds * 1000);
    document.addEventListener("visibilitychange", look);
  }

  // A point of a chart shows its value: under the pointer, and with the arrow keys.
  const said = (line, column) => {
    let value = "";
    for (const reading of line.dataset.readings.split(";")) {
      const at = reading.indexOf("=");
      if (Number(reading.slice(0, at)) > column) break;
      value = reading.slice(at + 1);
    }
    return value && `${line.dataset.name}: ${value}`;
  };

  function read(figure, column) {
    const { begin, end, columns } = figure.dataset;
    const share = Math.min(Math.max(column / columns, 0), 1);
    const time = new Date((Number(begin) + share * (end - begin)) * 1000);
    const values = [...figure.querySelectorAll("path[data-readings]")]
      .map((line) => said(line, share * columns)).filter(Boolean);
    figure.dataset.column = share * columns;
    const shown = figure.querySelector(".read");
    shown.textContent = `${time.toISOString().slice(0, 16).replace("T", " ")} UTC: ${values.join(", ")}`;
    const mark = figure.querySelector(".reading");
    mark.setAttribute("transform", `translate(${share * 720} 0)`);
    mark.removeAttribute("hidden");
  }

  function unread(figure) {
    figure.querySelector(".read").textContent = "";
    figure.querySelector(".reading").setAttribute("hidden", "");
  }

  const chartOf = (event) => event.target.closest?.("svg.plot")?.closest("figure");
  document.addEventListener("pointermove", (event) => {
    const figure = chartOf(event);
    if (!figure) return;
    const box = figure.querySelector("svg.plot").getBoundingClientRect();
    read(figure, ((event.clientX - box.left) / box.width) * figure.dataset.columns);
  });
  document.addEventListener("pointerout", (event) => {
    const figure = chartOf(event);
    if (figure && figure.querySelector("svg.plot") !== document.activeElement) unread(figure);
  });
  document.addEventListener("keydown", (event) => {
    const figure = chartOf(event);
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 }[event.key];
    if (!figure || !step) return;
    event.preventDefault();
    read(figure, Number(figure.dataset.column ?? figure.dataset.columns) + step);
  });

  // A button to copy a command; without it the command can be marked with one click.
  for (const command of document.querySelectorAll("pre.command")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command.textContent);
        button.textContent = "copied";
      } catch {
        button.textContent = "not allowed";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    command.after(button);
  }
})();
