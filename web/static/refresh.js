// Makes pages livelier. They also work without it.

// Fetches a page again. Returns null on failure; if the session has ended, also shows a notice, once.
async function fetch_part(url) {
  const response = await fetch(url, { headers: { "X-Part": "1" } }).catch(() => null);
  const said = document.querySelector("#signed-out");
  if (said && response?.redirected && new URL(response.url).pathname === "/sign-in") {
    const notice = said.content.firstElementChild;
    notice.querySelector("a").href = response.url;
    said.remove();
    document.querySelector("[data-awaits], [data-refreshes]").before(notice);
    for (const part of document.querySelectorAll("[data-awaits], [data-refreshes]")) {
      delete part.dataset.awaits;
      delete part.dataset.refreshes;
    }
  }
  if (!response?.ok || response.redirected) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Refreshes a section until a worker has finished: <section data-awaits="/operations/7">, until the attribute is gone.
async function await_result(section) {
  while (section?.dataset.awaits) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    const page = await fetch_part(section.dataset.awaits);
    if (!page) continue;
    const fresh = page.querySelector(`#${section.id}`);
    if (!fresh) return;
    section.replaceWith(fresh);
    section = fresh;
  }
}
document.querySelectorAll("[data-awaits]").forEach(await_result);

// Refreshes sections at intervals: <section id="now" data-refreshes="15">, in seconds, until the attribute is gone. It
// pauses while the page is hidden or the user types, and for a section that has the focus or an open <details>.
const refreshing = () => [...document.querySelectorAll("[data-refreshes]")];
const idle = (part) => !part.contains(document.activeElement) && !part.querySelector("details[open]");
const every = Math.min(...refreshing().map((part) => part.dataset.refreshes));
const timer = refreshing().length && setInterval(async () => {
  if (!refreshing().length) clearInterval(timer);
  const typing = document.activeElement?.matches("input:not([type=checkbox]), textarea, select");
  if (document.hidden || typing || !refreshing().some(idle)) return;
  const page = await fetch_part(location.href);
  for (const part of page ? refreshing().filter(idle) : []) {
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.outerHTML !== part.outerHTML) part.replaceWith(fresh);
  }
}, every * 1000);

// Submits a form in place and shows the response: <button formaction="/connections/4/clients" data-into="#identity">.
for (const button of document.querySelectorAll("[data-into]")) {
  button.addEventListener("click", async (event) => {
    if (button.dataset.asked) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(button.form));
    const response = await fetch(button.formAction, { method: "POST", body }).catch(() => null);
    const page = response?.ok && new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page && page.querySelector(button.dataset.into);
    if (fresh) {
      document.querySelector(button.dataset.into).replaceWith(fresh);
      await_result(fresh);
    } else {
      button.dataset.asked = "yes";
      button.form.requestSubmit(button);
    }
  });
}

// Warns before unsaved input is lost: <form data-unsaved="no">, or "yes" if the form is filled in from the start.
for (const form of document.querySelectorAll("[data-unsaved]")) {
  form.addEventListener("input", () => (form.dataset.unsaved = "yes"));
  form.addEventListener("submit", () => (form.dataset.unsaved = "no"));
  addEventListener("beforeunload", (event) => form.dataset.unsaved === "yes" && event.preventDefault());
}

// Filters a long list by a text: <input type="search" data-filters="#connections">, hidden without this script.
for (const search of document.querySelectorAll("[data-filters]")) {
  search.parentElement.hidden = false;
  search.addEventListener("input", () => {
    const text = search.value.trim().toLowerCase();
    for (const line of document.querySelectorAll(`${search.dataset.filters} .tick`)) {
      line.hidden = !line.textContent.toLowerCase().includes(text) && !line.querySelector(":checked");
    }
  });
  search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
}

// Ticks all checkboxes of a form at once: <input type="checkbox" data-ticks="change" hidden>.
for (const all of document.querySelectorAll("[data-ticks]")) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.form.elements[all.dataset.ticks] ?? []) box.checked = all.checked;
  });
}

// Copies a URL or a secret: <button data-copies="#id" hidden>.
for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copies).textContent.trim());
    button.classList.add("copied");
  });
}
