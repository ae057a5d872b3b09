// What the pages do beyond links: parts are swapped in place, news comes by itself, keys work.
// No text of a stranger is ever written by it: the server's pages have all of them escaped.

const byId = (id) => document.getElementById(id);
const body = document.body;
const LEAST_MS = 700; // between two looks at what is new
let version = Number(body.dataset.version);
let looking = false;

function say(words) {
  byId("said").textContent = words;
}

// Times as the browser's clock has them; UTC stays in the tooltip.
function localize(root) {
  for (const one of root.querySelectorAll("time")) {
    const at = new Date(one.dateTime);
    one.textContent =
      "whole" in one.dataset ? at.toLocaleString(document.documentElement.lang)
        : at.toLocaleTimeString(document.documentElement.lang);
  }
}

async function ask(url, part) {
  const address = new URL(url, location.href);
  if (part) address.searchParams.set("part", part);
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function swap(id, page) {
  const fresh = page.getElementById(id);
  const old = byId(id);
  if (!fresh || !old) return;
  const focused = old.contains(document.activeElement) && document.activeElement.id;
  const opened = old.querySelector("details")?.open;
  localize(fresh);
  old.replaceWith(fresh);
  if (opened) fresh.querySelector("details").open = true;
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

function markOpen() {
  const message = byId("message");
  const isOpen = Boolean(message) && !message.classList.contains("closed");
  byId("main").classList.toggle("is-open", isOpen);
  for (const row of document.querySelectorAll(".threads a")) {
    const isHere = isOpen && row.id === location.pathname;
    if (isHere) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  return isOpen;
}

// Show another message, or another view of this one, beside the list that stays.
async function open(url, keep) {
  const page = await ask(url, "message");
  if (!page.getElementById("message")) {
    location.assign(url); // an error has a page of its own
    return;
  }
  const left = location.pathname;
  if (!keep) history.pushState(null, "", url);
  swap("message", page);
  document.title = page.title;
  if (!markOpen()) {
    byId(left)?.focus(); // the row that was open
    return;
  }
  const view = new URL(url, location.href).searchParams.get("view");
  (byId(`view-${view}`) || byId("title")).focus({ preventScroll: true });
}

// News: a line by the server's stream, and then one look, never two at once.

const idsOf = (root) => [...root.querySelectorAll(".threads a")].map((one) => one.id);

async function look() {
  if (looking || document.hidden || !document.querySelector("[data-live]")) return;
  looking = true;
  const begun = performance.now();
  try {
    const page = await ask(location.href, "list");
    version = Number(page.body.dataset.version);
    show(page);
  } catch {
    say(body.dataset.away);
  }
  const took = performance.now() - begun;
  setTimeout(() => {
    looking = false;
    if (wanted !== version) look();
  }, Math.max(LEAST_MS, 4 * took));
}

function show(page) {
  const list = page.getElementById("list");
  if (list) showList(page, list);
  swap("pending", page);
  if (!byId("message") || byId("message").classList.contains("closed")) document.title = page.title;
}

// What changes while somebody points at a row moves nothing under the pointer.
function showList(page, list) {
  const shown = new Set(idsOf(document));
  const fresh = idsOf(list);
  const added = fresh.filter((id) => !shown.has(id)).length;
  const isMoved = fresh.join() !== [...shown].join();
  const isPointedAt = document.querySelector(".threads:hover") && matchMedia("(hover: hover)").matches;
  if (isMoved && (isPointedAt || scrollY > 200)) {
    const newer = byId("newer");
    newer.textContent = body.dataset.new.replace("{n}", added);
    newer.hidden = false;
    newer.onclick = () => { swap("list", page); markOpen(); look(); };
  } else {
    swap("list", page);
    markOpen();
  }
  if (added) say(body.dataset.new.replace("{n}", added));
}

let stream = null;
let wanted = version;

function follow() {
  stream?.close();
  stream = null;
  if (document.hidden) return; // a browser has six connections to a server, for all its pages
  stream = new EventSource("/live");
  stream.onmessage = (event) => {
    wanted = Number(event.data);
    if (wanted !== version) look();
  };
}

// What buttons and forms send.

async function confirmed(question) {
  const dialog = byId("confirm");
  byId("question").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "yes";
}

async function act(button) {
  const { method, href, question, then } = button.dataset;
  if (question && !(await confirmed(question))) return;
  await fetch(href, { method });
  const page = await ask(then || location.href);
  if (then) history.pushState(null, "", then);
  for (const id of ["list", "message", "pending"]) swap(id, page);
  version = Number(page.body.dataset.version);
  document.title = page.title;
  markOpen();
  byId("q").blur();
}

function order(form) {
  const [channel, fault] = form.fault.value.split(" ");
  const made = { channel, fault, count: Number(form.count.value) };
  if (form.recipient.value) made.recipient = form.recipient.value;
  made.retry_after_s = Number(form.retry_after_s.value);
  return JSON.stringify(made);
}

function showCommand(form) {
  const quoted = order(form).replaceAll("'", "'\\''");
  byId("command").textContent =
    `curl ${location.origin}/faults -H 'Content-Type: application/json' -d '${quoted}'`;
}

async function fail(form) {
  const answer = await fetch("/faults", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: order(form),
  });
  const said = answer.ok ? "" : (await answer.json()).detail;
  byId("refused").textContent = Array.isArray(said) ? said.map((one) => one.msg).join(" ") : said;
  swap("pending", await ask(location.href));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-method]");
  if (button) { act(button).catch(() => say(body.dataset.away)); return; }
  const link = event.target.closest(".threads a, #message .tabs a, #back, .calls a, td a");
  if (!link || !byId("message") || link.hasAttribute("download")) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link.href).catch(() => location.assign(link.href));
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "failing") return;
  event.preventDefault();
  fail(event.target).catch(() => say(body.dataset.away));
});

document.addEventListener("input", () => { if (byId("failing")) showCommand(byId("failing")); });

function step(by) {
  const rows = [...document.querySelectorAll(".threads a")];
  const focused = rows.indexOf(document.activeElement);
  const at = focused >= 0 ? focused : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const row = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  if (!row) return;
  row.focus();
  if (byId("main").classList.contains("is-open")) row.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("confirm").open) return;
  const isTyping = event.target.matches("input, select");
  if (event.key === "Escape") {
    if (isTyping) event.target.blur();
    else if (byId("main").classList.contains("is-open")) byId("back").click();
  }
  if (isTyping) return;
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
  if (event.key === "/") { event.preventDefault(); byId("q").focus(); byId("q").select(); }
});

addEventListener("popstate", () => {
  if (!byId("message")) { location.reload(); return; }
  open(location.href, true).then(look);
});
document.addEventListener("visibilitychange", follow);

localize(document);
markOpen();
if (byId("failing")) showCommand(byId("failing"));
follow();
