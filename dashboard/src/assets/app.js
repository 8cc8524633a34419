// What the pages gain with a script; each is complete without it. Nothing is fetched from
// elsewhere, and no text is taken for markup except whole pages of this server.
"use strict";
(() => {
const $ = (s, at = document) => at.querySelector(s);
const $$ = (s, at = document) => [...at.querySelectorAll(s)];
const svg = (name, attributes) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};
const say = (text) => {
  const live = $("#live");
  live.textContent = text;
  clearTimeout(say.timer);
  // That news wait stays said until they are seen.
  say.timer = setTimeout(() => { if (!waiting || text !== NEWS) live.textContent = waiting ? NEWS : ""; }, 5000);
};
const make = (name, properties) => Object.assign(document.createElement(name), properties);
const button = (textContent, onclick) => make("button", { type: "button", className: "small", textContent, onclick });
// What this browser keeps, for the session or for good; some keep nothing.
const memory = (where, key, value) => { try { const all = window[`${where}Storage`]; return value ? all.setItem(key, value) : all.getItem(key); } catch { return null; } };
// What the addresses of this project begin with.
const base = document.body.dataset.base || "";
const typing = (e) => /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && e.target.type !== "checkbox";

// ---- what is still there on a page that is made anew
const label = (e) => e.tagName + (e.matches("tr") ? ($("a", e) || e).getAttribute("href") : e.matches("details") ? "" : e.matches("input") ? e.name : e.getAttribute("href") + e.textContent);
function keep(e) {
  const id = e.getAttribute("id");
  if (id) return () => document.getElementById(id);
  const near = e.closest("[id]"), name = label(e);
  const alike = (box) => $$(e.tagName, box).filter((o) => o.closest("[id]") === box && label(o) === name);
  const n = alike(near).indexOf(e);
  return () => { const box = document.getElementById(near.id); return box && alike(box)[n]; };
}
// The changes that a box names, whatever was decided about them since.
const ids = (box) => box.value.replace(/:[^,]*/g, "");
function kept(main) {
  const marked = $(".current"), active = document.activeElement;
  const said = $$("input:not([type=checkbox]):not([type=hidden])", main).filter((e) => e.value !== e.defaultValue);
  return {
    at: current, top: marked && marked.getBoundingClientRect().top,
    mark: marked && keep(marked), focus: main.contains(active) && keep(active),
    open: $$("details[open]", main).map(keep), said: said.map((e) => [keep(e), e.value]),
    ticks: $$("[form=bulk]:checked", main).map(ids),
  };
}
function restore(was) {
  for (const find of was.open) { const e = find(); if (e) e.open = true; }
  for (const [find, value] of was.said) { const e = find(); if (e) e.value = value; }
  $$("[form=bulk]").forEach((e) => { if (was.ticks.includes(ids(e))) e.checked = true; });
  const marked = was.mark && was.mark();
  // Of one that is gone nothing takes the place unasked: the next j goes there.
  current = marked ? items().indexOf(marked) : was.mark ? was.at - 1 : was.at;
  if (marked) { marked.classList.add("current"); scrollBy(0, marked.getBoundingClientRect().top - was.top); }
  if (was.focus) (was.focus() || $("#main")).focus({ preventScroll: true });
}

// ---- another page in place of this one's content
const bare = () => location.href.split("#")[0];
let going = 0, seen = bare();
// Gives whether the page was changed.
async function go(url, { push = true, fresh = false, yields = false, only = "#main", state = {} } = {}) {
  const mine = ++going;
  let text;
  try {
    const answer = await fetch(url, { headers: fresh ? { "Cache-Control": "no-cache" } : {} });
    if (!answer.ok && !fresh) { location.href = url; return false; }
    if (!answer.ok) return false;
    text = await answer.text();
  } catch { if (!fresh) location.href = url; return false; }
  if (mine !== going || !push && url.split("#")[0] !== bare()) return false;
  // Somebody began to type or select while it was on its way.
  if (yields && busy()) { waiting = true; say(NEWS); return false; }
  const next = new DOMParser().parseFromString(text, "text/html");
  const main = $(only, next), old = $(only);
  if (!main || !old) { location.href = url; return false; }
  // What is typed letter by letter is one step back.
  const again = state.typed && history.state && history.state.typed;
  if (push && !again) history.replaceState({ ...history.state, y: scrollY }, "");
  if (push) history[again ? "replaceState" : "pushState"](state, "", url);
  seen = bare();
  document.title = next.title;
  // What was left as it was is still of before: news of it are news.
  if (only === "#main") { document.body.dataset.at = next.body.dataset.at; waiting = false; }
  const was = fresh && kept(old), now = document.importNode(main, true);
  old.replaceWith(now);
  start(now);
  if (was) restore(was);
  else if (only === "#main") arrive(next, push);
  return true;
}
// A page that somebody goes to is read from its beginning, one that they go back to from where they were.
function arrive(next, push) {
  const menu = ".top nav", to = location.hash && document.getElementById(location.hash.slice(1));
  if ($(menu) && $(menu, next)) $(menu).replaceWith(document.importNode($(menu, next), true));
  $("#main").focus({ preventScroll: true });
  if (to) to.scrollIntoView();
  else scrollTo(0, push ? 0 : (history.state || {}).y || 0);
}
const anew = (yields) => go(location.href, { push: false, fresh: true, yields });
addEventListener("popstate", () => {
  // Another place of the same page.
  if (bare() === seen) return;
  if (location.pathname === new URL(seen).pathname && $(VIEW)) look(location.href, false); else go(location.href, { push: false });
});

// ---- news
// Whoever is typing or selecting is not disturbed: news wait, and say so, until they are done.
const NEWS = "There is news; it shows when nothing is selected.";
let source, waiting = false;
const busy = () => $("input:checked") || typing({ target: document.activeElement || document.body });
function news() {
  waiting = !!busy();
  if (waiting) say(NEWS);
  else anew(true).then((done) => done && say("Updated."));
}
// A browser has six connections to a server: only pages that are seen hold one. The first thing that
// is heard on it is how things stand.
function listen() {
  if (source && source.readyState < 2 || document.hidden || !window.EventSource) return;
  source = new EventSource(`${base}/events`);
  for (const what of ["data", "triage"]) source.addEventListener(what, (e) => { if (e.data !== document.body.dataset.at) news(); });
}
function hush() {
  if (source) source.close();
  source = null;
}
const settled = () => setTimeout(() => { if (waiting && !busy()) news(); });
addEventListener("change", settled);
addEventListener("focusout", settled);
document.addEventListener("visibilitychange", () => (document.hidden ? hush : listen)());
addEventListener("pagehide", hush);
addEventListener("pageshow", listen);

// ---- lists: j, k, Enter, x
let current = -1;
// Rows that only say something, and those that are folded away, are none to go to.
const items = () => $$(".group, .rows tbody tr").filter((e) => (e.matches(".group") || $("a", e)) && !e.closest("details:not([open])"));
// The group that is marked, if one is.
const here = () => $(".group.current");
function mark(i) {
  const all = items();
  if (!all.length) return;
  current = Math.max(0, Math.min(all.length - 1, i));
  all.forEach((e, n) => e.classList.toggle("current", n === current));
  const e = all[current];
  (e.matches(".group") ? e : $("a", e)).focus({ preventScroll: true });
  e.scrollIntoView({ block: "nearest" });
}
const STATES = { a: "acknowledged", f: "fixed_by", w: "accepted", n: "noise", i: "infra", v: "invalid", m: "merge", s: "split", t: "" };
function decide(key) {
  // Only what can be seen to be selected is decided about.
  const selected = $('[form="bulk"]:checked'), group = here();
  const form = selected ? $("#bulk") : group && $('form[action*="/triage#"]', group);
  const to = form && $(selected && key !== "t" ? `button[value="${STATES[key]}"]` : `button[data-key="${key}"]`, form);
  if (form && key === "f") askCommit(form);
  else if (to) to.click();
  else if (!$('form[action*="/triage"]')) return;
  else if (form) say("No token names you: assign it by the field.");
  else if ($(".group")) say("Nothing is selected: j goes to a group, x selects it, or tick a box.");
}

// Fixed by which commit? The form says so before it is sent.
function askCommit(form) {
  const box = $("details", form);
  if (box) box.open = true;
  $("[name=fixed]", form).focus();
  say("Which commit fixed it? Type it and press Enter.");
}

// What was decided here in this window, the newest last: its place in the log, and words.
const OWN = `uptick.own${base}`;
const own = () => JSON.parse(memory("session", OWN) || "[]");
const noteOwn = (all) => memory("session", OWN, JSON.stringify(all.slice(-50)));
const words = (e) => e ? e.textContent.replace(/\s+/g, " ").trim().slice(0, 90) : "";
// What a form is about, in words.
const about = (form) => form.id === "bulk" ? `${$$('[form="bulk"]:checked').length} selected` : words($("h2, h3, p", form.closest(".group, .log li") || document));
// Sends a decision, or the way back of one; the answer, unless it was refused, which is said.
async function send(to, body) {
  const answer = await fetch(base + to, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
  if (answer && answer.ok) return answer.json().catch(() => ({}));
  const why = answer ? (await answer.json().catch(() => ({}))).message || answer.status : "the dashboard does not answer.";
  if (answer && answer.status === 409) await anew();
  say(`Not decided: ${why}`);
  return null;
}
async function take(batch, what) {
  const done = await send("/triage/undo", new URLSearchParams({ batch }));
  if (!done) return;
  noteOwn(own().filter(([b]) => b !== Number(batch)));
  await anew();
  say(done.taken_back ? `Taken back: ${what}` : "Nothing was taken back: it was already, or something else was decided since.");
}
// u: what was decided about the marked group, else one's own last decision.
function undo() {
  if (!$('form[action*="/triage"]')) return;
  const group = here(), press = group && $('form[action*="/triage/undo"] button', group), last = own().pop();
  if (press) press.click();
  else if (last) alone(() => take(...last));
  else say("You decided nothing in this window. Others’ decisions have an Undo beside them.");
}

// One press at a time.
let deciding = false;
async function alone(work) {
  if (deciding) { say("What was pressed before is on its way."); return; }
  deciding = true;
  try { await work(); } finally { deciding = false; }
}
// A decision leaves the reader where they are.
addEventListener("submit", (e) => {
  const form = e.target, to = new URL(form.action, location.href).pathname.slice(base.length);
  if (to !== "/triage" && to !== "/triage/undo") return;
  const fixed = $("[name=fixed]", form);
  // The page that asks for the commit is a page of its own.
  if (fixed && fixed.id === "fixed") return;
  e.preventDefault();
  if (form.id === "bulk" && !$('[form="bulk"]:checked')) { say("Nothing is selected: tick the boxes of groups or series first."); return; }
  if (e.submitter && e.submitter.value === "fixed_by" && !fixed.value) { askCommit(form); return; }
  const body = new URLSearchParams(new FormData(form, e.submitter)), what = about(form);
  if (to !== "/triage") { alone(() => take(body.get("batch"), what)); return; }
  alone(async () => {
    const done = await send(to, body);
    if (!done) return;
    if (done.batch) noteOwn([...own(), [done.batch, `${e.submitter ? words(e.submitter.firstChild) : "Save"}, ${what}`]]);
    // What was said and ticked for it is done with.
    form.reset();
    await anew();
    say(done.batch ? "Decided; u takes it back." : "Nothing to decide: it stands as you say.");
  });
});

// ---- search: suggestions as one types; complete without
function suggest() {
  const input = $("#find"), list = $("#suggested");
  if (!input) return;
  let timer, asked = "";
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const text = input.value.trim();
    if (text.length < 2) { list.replaceChildren(); return; }
    timer = setTimeout(async () => {
      asked = text;
      const found = await fetch(`${base}/search.json?q=${encodeURIComponent(text)}`).then((r) => r.ok ? r.json() : null).catch(() => null);
      if (!found || asked !== text) return;
      const names = (all) => all.map((o) => o.name);
      const others = [...names(found.pages), ...found.metrics, ...names(found.people), ...names(found.tags), ...names(found.functions), ...found.projects];
      list.replaceChildren(...[...found.benchmarks.slice(0, 8), ...others.slice(0, 8)].map((value) => make("option", { value })),
        ...found.commits.slice(0, 8).map((c) => make("option", { value: c.sha.slice(0, 9), label: `${c.subject} · ${c.author}` })));
    }, 120);
  });
}

// ---- charts: cursor, keys, range
function chart(figure) {
  const picture = $(".chart", figure);
  const out = $(".cursor", figure);
  if (!picture || !out) return;
  const d = picture.dataset;
  const [from, to, left, right] = [d.from, d.to, d.left, d.right].map(Number);
  const height = picture.viewBox.baseVal.height;
  let points, at = -1, anchor = null, held = false;
  const line = svg("path", { class: "pointer" });
  const box = svg("rect", { class: "selection", y: 0, height, width: 0 });
  picture.append(box, line);
  const x = (p) => left + ((right - left) * (p.x - from)) / (to - from);
  // Along the line a date never goes back.
  const place = (all) => { let latest = -1e9; for (const p of all) p.x = d.by === "date" ? latest = Math.max(latest, (p.time || 0) / 86400) : p.position; return all; };
  const load = () => points ||= fetch(`${base}/series/${figure.dataset.series}.json${location.search}`)
    .then((r) => r.json()).then((j) => { unit = j.unit; return place(j.points); }).catch(() => []);
  let unit = "";
  const number = (v) => unit === "ns" ? (v >= 1e6 ? `${(v / 1e6).toFixed(3)} ms` : v >= 1e3 ? `${(v / 1e3).toFixed(3)} µs` : `${v.toFixed(2)} ns`)
    : `${Math.round(v).toLocaleString("en")} ${unit}`;
  const day = (p) => p.time ? ` · ${new Date(p.time * 1e3).toISOString().slice(0, 10)}` : "";
  async function show(i) {
    const all = await load();
    if (!all.length) return;
    at = Math.max(0, Math.min(all.length - 1, i));
    const p = all[at], b = all[at - 1];
    line.setAttribute("d", `M${x(p)} 0v${height}`);
    const change = b && b.value ? ((100 * (p.value - b.value)) / b.value) : null;
    const moved = change === null ? "" : ` · ${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(2)} % from the commit before`;
    out.textContent = `${(p.sha || "").slice(0, 9)} “${p.subject || ""}” ${p.author || ""}${day(p)} · ${number(p.value)}${moved}`;
    if (anchor !== null && anchor !== at) select(all[Math.min(anchor, at)], all[Math.max(anchor, at)]);
  }
  const zoomed = (a, b) => {
    const q = new URLSearchParams(location.search);
    q.set("from", a.position); q.set("to", b.position);
    return `${location.pathname}?${q}`;
  };
  const compare = (a, b) => `${base}/compare/${a.sha.slice(0, 9)}..${b.sha.slice(0, 9)}`;
  function select(a, b) {
    box.setAttribute("x", x(a)); box.setAttribute("width", x(b) - x(a));
    const links = [["Zoom in", zoomed(a, b)], ["Commits", `${base}/commits?from=${a.position}&before=${b.position + 1}`], ["Compare its ends", compare(a, b)]];
    const change = a.value ? ` ${b.value >= a.value ? "+" : "−"}${Math.abs(100 * (b.value / a.value - 1)).toFixed(2)} %` : "";
    out.replaceChildren(`${b.position - a.position + 1} commits${change}: `, ...links.flatMap(([textContent, href]) => [make("a", { textContent, href }), " "]));
  }
  const drop = () => { anchor = null; held = false; box.setAttribute("width", 0); };
  const nearest = async (e) => {
    const r = picture.getBoundingClientRect();
    const units = ((e.clientX - r.left) / r.width) * picture.viewBox.baseVal.width;
    const p = from + ((to - from) * (units - left)) / (right - left);
    const all = await load();
    const off = (i) => Math.abs(all[i].x - p);
    return all.reduce((best, _, i) => (off(i) < off(best) ? i : best), 0);
  };
  const open = async () => {
    const all = await load();
    const [a, b] = anchor === null ? [at - 1, at] : [Math.min(anchor, at), Math.max(anchor, at)];
    if (a >= 0 && b > a) go((anchor === null ? compare : zoomed)(all[a], all[b]));
  };
  picture.setAttribute("tabindex", "0");
  let drag = false, hold = 0, swiped = false;
  // A finger scrolls and pinches as everywhere; one that is held still selects.
  const touches = (e) => e.pointerType === "touch";
  const begin = async (e) => { drop(); drag = true; anchor = at = await nearest(e); };
  picture.addEventListener("pointerdown", (e) => {
    picture.classList.add("pointed");
    if (e.target.closest("a")) return;
    swiped = false;
    if (!touches(e)) begin(e);
    else hold = setTimeout(() => { begin(e).then(() => show(at)); say("Drag to select a range."); }, 450);
  });
  picture.addEventListener("pointermove", async (e) => {
    if (touches(e) && !drag) { swiped = true; clearTimeout(hold); return; }
    const i = await nearest(e);
    if (!held) show(i);
  });
  picture.addEventListener("touchmove", (e) => { if (drag) e.preventDefault(); }, { passive: false });
  picture.addEventListener("contextmenu", (e) => { if (drag) e.preventDefault(); });
  const end = async (e) => {
    clearTimeout(hold);
    if (touches(e) && !drag && !swiped && e.type === "pointerup" && !e.target.closest("a")) { drop(); show(await nearest(e)); }
    if (!drag) return;
    drag = false;
    if (e.type === "pointercancel" || anchor === null) { drop(); return; }
    // Where it was let go, not where the last move was answered.
    await show(await nearest(e));
    // A range stays, with what can be done with it; a mere click leaves nothing.
    if (Math.abs(at - anchor) > 1) held = true; else drop();
  };
  for (const type of ["pointerup", "pointercancel"]) picture.addEventListener(type, end);
  // A drag may end outside.
  picture.addEventListener("pointerleave", (e) => { if (!touches(e)) end(e); });
  out.textContent = matchMedia("(pointer:coarse)").matches ? "Tap a commit; hold, then drag, for a range." : "Point at a commit, or use ← →; drag, or hold Shift, for a range.";
  out.after(button("Save PNG", async () => {
    const name = $("h1").textContent;
    // On white paper whatever the scheme.
    const drawn = (await (await fetch(`${base}/series/${figure.dataset.series}.svg${location.search}`)).text())
      .replace(/<style media.*?<\/style>/, ""), high = drawn.match(/viewBox="0 0 \d+ (\d+)/)[1] / 5;
    const image = make("img", { src: `data:image/svg+xml,${encodeURIComponent(drawn.replace("<svg ", `<svg width="2000" height="${high}" `))}` });
    await image.decode();
    const canvas = make("canvas", { width: 2000, height: high + 100 }), c = canvas.getContext("2d");
    c.fillStyle = "#fff"; c.fillRect(0, 0, 2000, high + 100); c.drawImage(image, 0, 100);
    c.fillStyle = "#222"; c.font = "600 34px system-ui"; c.fillText($("title", picture).textContent, 40, 48);
    c.font = "24px system-ui"; c.fillText($("desc", picture).textContent, 40, 86);
    make("a", { href: canvas.toDataURL(), download: `${name.replace(/[^\w.-]+/g, "-")}.png` }).click();
  }));
  picture.addEventListener("focus", () => { if (at < 0) load().then((all) => show(all.length - 1)); });
  picture.addEventListener("keydown", (e) => {
    picture.classList.remove("pointed");
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[e.key];
    if (step) {
      if (e.shiftKey && anchor === null) anchor = at;
      if (!e.shiftKey) drop();
      show(at + step);
    } else if (e.key === "Enter" && e.target === picture) { open(); }
    else if (anchor !== null && e.key === "Escape") { drop(); show(at); }
    else if (e.key === "0" || e.key === "Escape") { const all = $(".reset", figure); if (all) go(all.href); else return; }
    else return;
    e.preventDefault(); e.stopPropagation();
  });
}

// ---- flame graphs: what is looked at stands in the address; arrows go from frame to frame
const VIEW = ".flameview";
async function look(href, push = true, state = {}) {
  const box = $(".flamebox"), at = $("a[data-i]:focus", box);
  box.classList.add("going");
  await go(href, { push, only: VIEW, state });
  box.classList.remove("going");
  const form = $(".flametools", box), asked = new URLSearchParams(location.search);
  $$("[type=hidden]", form).forEach((e) => e.remove());
  for (const name of ["view", "of", "focus"]) if (asked.has(name)) form.append(make("input", { type: "hidden", name, value: asked.get(name) }));
  if (document.activeElement !== form.q) form.q.value = asked.get("q") || "";
  const again = at && ($(`a[data-i="${at.dataset.i}"]`, box) || $("a[data-i]", box));
  if (again) again.focus({ preventScroll: true });
}
function flame(view) {
  const picture = $(".flamegraph", view), out = $(".cursor", view);
  if (!picture) return;
  const frames = $$("a", picture).map((a) => {
    const r = $("rect", a), n = (k) => Number(r.getAttribute(k));
    return { a, x: n("x"), w: n("width"), y: n("y"), words: $("title", a).textContent };
  });
  const of = (a) => frames.find((f) => f.a === a);
  const said = out.textContent;
  frames.forEach((f, i) => { f.a.tabIndex = i ? -1 : 0; });
  const tell = (e) => { const f = of(e.target.closest("a")); out.textContent = f ? f.words : said; };
  picture.addEventListener("pointerover", tell);
  picture.addEventListener("pointerleave", tell);
  picture.addEventListener("focusin", tell);
  const beside = (f, rows) => frames.filter((g) => g.y === f.y + 18 * rows && g.x < f.x + f.w && f.x < g.x + g.w).sort((a, b) => b.w - a.w)[0];
  picture.addEventListener("keydown", (e) => {
    const f = of(document.activeElement);
    if (!f) return;
    const row = frames.filter((g) => g.y === f.y).sort((a, b) => a.x - b.x), i = row.indexOf(f);
    const to = { ArrowLeft: row[i - 1], ArrowRight: row[i + 1], ArrowUp: beside(f, -1), ArrowDown: beside(f, 1) }[e.key];
    if (e.key === " ") look(f.a.href.baseVal);
    else if (!e.key.startsWith("Arrow")) return;
    else if (to) to.a.focus();
    e.preventDefault(); e.stopPropagation();
  });
}
// Links to another look at the same profiles, and the search, change the picture alone.
addEventListener("click", (e) => {
  const box = $(".flamebox"), a = e.target.closest(".flameview a, a.toflame");
  if (!box || !a || e.button || e.ctrlKey || e.metaKey || e.shiftKey) return;
  const to = new URL(a.href.baseVal || a.href, location.href);
  if (to.pathname !== location.pathname) return;
  e.preventDefault();
  look(to.href);
  if (a.matches(".toflame")) box.scrollIntoView();
});
let typed;
const search = (form) => look(`${form.action.split("#")[0]}?${new URLSearchParams(new FormData(form))}`, true, { typed: true });
addEventListener("input", (e) => {
  if (!e.target.matches(".flamesearch")) return;
  clearTimeout(typed);
  typed = setTimeout(search, 200, e.target.form);
});
addEventListener("submit", (e) => {
  if (!e.target.matches(".flametools")) return;
  e.preventDefault();
  clearTimeout(typed);
  search(e.target);
});

// ---- once a page
const quiet = () => memory("local", "uptick.keys") === "off";
function start(at = document) {
  current = -1;
  $$("#keys", at).forEach((p) => {
    const tell = () => { press.textContent = quiet() ? "Switch them on" : "Switch them off"; };
    const press = button("", () => { memory("local", "uptick.keys", quiet() ? "on" : "off"); tell(); });
    p.hidden = false;
    p.append(" ", press);
    tell();
  });
  if (navigator.clipboard) $$('.forms a[href$=".md"]', at).forEach((a) => a.after(" ", button("Copy Markdown", async () => { await navigator.clipboard.writeText(await (await fetch(a.href)).text()); say("Copied."); })));
  $$("figure[data-series]", at).forEach(chart);
  (at.matches && at.matches(VIEW) ? [at] : $$(VIEW, at)).forEach(flame);
  $$(".copy", at).forEach((b) => {
    b.hidden = !navigator.clipboard;
    b.addEventListener("click", () => navigator.clipboard.writeText(b.dataset.copy).then(() => { b.textContent = "Copied"; say("Copied."); }));
  });
}

let before = "";
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (typing(e)) { if (e.key === "Escape") e.target.blur(); return; }
  if (quiet()) return;
  const key = e.key;
  if (before === "g") {
    before = "";
    const to = { t: "/", h: "/health", c: "/commits", v: "/compare" }[key];
    if (to) e.preventDefault();
    // A server's own pages have no commits.
    if (to && $$(".top a").some((a) => a.pathname === base + to)) go(base + to);
    else if (to) say("There is no such page here.");
    return;
  }
  if (key === "g") before = "g";
  else if (key === "j") mark(current + 1);
  else if (key === "k") mark($(".current") ? current - 1 : current);
  else if (key === "Enter" && document.activeElement.matches(".group.current")) { const a = $("a.open, .members a, h3 a, .cause a", document.activeElement); if (a) go(a.href); }
  else if (key === "x") { if (!$(".current")) mark(current + 1); const box = here() && $("input[type=checkbox]", here()); if (box) box.click(); }
  else if (key in STATES) decide(key);
  else if (key === "u") undo();
  else if (key === "/") { const box = $(".flamesearch") || $("#q") || $("#find"); if (box) box.focus(); }
  else if (key === "?") go(`${base}/help`);
  else if (key === "0" || key === "Escape") { const all = $(".flamereset"); if (all) look(all.href); else return; }
  else return;
  if (key !== "g" && key !== "Enter") e.preventDefault();
});

start();
listen();
suggest();
})();
