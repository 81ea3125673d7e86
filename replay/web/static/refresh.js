"use strict";

// Renews the parts of a page that are marked for it, by asking for the same page again: the server
// makes all text, so nothing is ever put together here. Everything works without this script.

(() => {
  const seconds = Number(document.body.dataset.refresh || 0);
  const live = document.getElementById("live");
  let failing = false;

  const opened = (part) =>
    [...part.querySelectorAll("details")].map((details) => details.open);

  const reached = (part) => [...part.querySelectorAll("a, summary, button")];

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
