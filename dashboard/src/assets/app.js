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
// What the addresses of this project begin with.
const base = document.body.dataset.base || "";
const typing = (e) => /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && e.target.type !== "checkbox";

// ---- another page in place of this one's content
let going = 0;
async function go(url, { push = true, fresh = false } = {}) {
  const mine = ++going;
  let text;
  try {
    const answer = await fetch(url, { headers: fresh ? { "Cache-Control": "no-cache" } : {}, credentials: "same-origin" });
    if (!answer.ok && !fresh) { location.href = url; return; }
    if (!answer.ok) return;
    text = await answer.text();
  } catch { if (!fresh) location.href = url; return; }
  if (mine !== going) return;
  const next = new DOMParser().parseFromString(text, "text/html");
  const main = $("#main", next);
  if (!main) { location.href = url; return; }
  if (push) history.pushState({}, "", url);
  const open = fresh ? $$("details").map((d) => d.open) : [];
  const at = current;
  document.title = next.title;
  document.body.dataset.at = next.body.dataset.at;
  $("#main").replaceWith(document.importNode(main, true));
  start();
  $$("details").forEach((d, i) => { if (open[i]) d.open = true; });
  if (fresh && at >= 0) mark(at, false);
}
addEventListener("popstate", () => go(location.href, { push: false }));

// ---- news
// Whoever is typing or selecting is not disturbed: news wait, and say so, until they are done.
const NEWS = "There is news; it shows when nothing is selected.";
let source, waiting = false;
const busy = () => $("input:checked") || typing({ target: document.activeElement || document.body });
function news() {
  waiting = !document.hidden && !!busy();
  if (waiting) say(NEWS);
  else if (!document.hidden) go(location.href, { push: false, fresh: true }).then(() => say("Updated."));
}
function listen() {
  if (source || !window.EventSource) return;
  source = new EventSource(`${base}/events`);
  const heard = (e) => { if (e.data !== document.body.dataset.at) news(); };
  source.addEventListener("data", heard);
  source.addEventListener("triage", heard);
  const settled = () => setTimeout(() => { if (waiting && !busy()) news(); });
  addEventListener("change", settled);
  addEventListener("focusout", settled);
  document.addEventListener("visibilitychange", news);
  addEventListener("pagehide", () => source.close());
}

// ---- lists: j, k, Enter, x
let current = -1;
const items = () => $$(".group, .rows tbody tr");
// The group that is marked, if one is.
const here = () => { const e = items()[current]; return e && e.matches(".group") ? e : null; };
function mark(i, scroll = true) {
  const all = items();
  if (!all.length) return;
  current = Math.max(0, Math.min(all.length - 1, i));
  all.forEach((e, n) => e.classList.toggle("current", n === current));
  const e = all[current];
  if (scroll) {
    (e.matches(".group") ? e : $("a", e) || e).focus({ preventScroll: true });
    e.scrollIntoView({ block: "nearest" });
  }
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

// A decision leaves the reader where they are.
addEventListener("submit", async (e) => {
  const form = e.target, to = new URL(form.action, location.href).pathname.slice(base.length);
  if (to !== "/triage" && to !== "/triage/undo") return;
  const fixed = $("[name=fixed]", form);
  // The page that asks for the commit is a page of its own.
  if (fixed && fixed.id === "fixed") return;
  e.preventDefault();
  if (form.id === "bulk" && !$('[form="bulk"]:checked')) { say("Nothing is selected: tick the boxes of groups or series first."); return; }
  if (e.submitter && e.submitter.value === "fixed_by" && !fixed.value) { askCommit(form); return; }
  const body = new URLSearchParams(new FormData(form, e.submitter));
  const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" }).catch(() => null);
  if (!answer) { say("Not decided: the dashboard does not answer."); return; }
  if (!answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const why = `Not decided: ${($("#main h1 + p", page) || page.body).textContent.trim()}`;
    if (answer.status === 409) await go(location.href, { push: false, fresh: true });
    say(why);
    return;
  }
  await go(location.href, { push: false, fresh: true });
  say(to === "/triage" ? "Decided; u takes it back." : "Taken back.");
});

// ---- search: suggestions as one types; complete without
function suggest() {
  const input = $("#find"), list = $("#suggested");
  let timer, asked = "";
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const text = input.value.trim();
    if (text.length < 2) { list.replaceChildren(); return; }
    timer = setTimeout(async () => {
      asked = text;
      const found = await fetch(`${base}/search.json?q=${encodeURIComponent(text)}`, { credentials: "same-origin" }).then((r) => r.ok ? r.json() : null).catch(() => null);
      if (!found || asked !== text) return;
      list.replaceChildren(...found.benchmarks.slice(0, 8).map((value) => make("option", { value })),
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
  const x = (p) => left + ((right - left) * (p - from)) / (to - from);
  const load = () => points ||= fetch(`${base}/series/${figure.dataset.series}.json${location.search}`)
    .then((r) => r.json()).then((j) => { unit = j.unit; return j.points; }).catch(() => []);
  let unit = "";
  const number = (v) => unit === "ns" ? (v >= 1e6 ? `${(v / 1e6).toFixed(3)} ms` : v >= 1e3 ? `${(v / 1e3).toFixed(3)} µs` : `${v.toFixed(2)} ns`)
    : `${Math.round(v).toLocaleString("en")} ${unit}`;
  const day = (p) => p.time ? ` · ${new Date(p.time * 1e3).toISOString().slice(0, 10)}` : "";
  async function show(i) {
    const all = await load();
    if (!all.length) return;
    at = Math.max(0, Math.min(all.length - 1, i));
    const p = all[at], b = all[at - 1];
    line.setAttribute("d", `M${x(p.position)} 0v${height}`);
    const change = b && b.value ? ((100 * (p.value - b.value)) / b.value) : null;
    const moved = change === null ? "" : ` · ${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(2)} % from the commit before`;
    out.textContent = `${(p.sha || "").slice(0, 9)} “${p.subject || ""}” ${p.author || ""}${day(p)} · ${number(p.value)}${moved}`;
    if (anchor !== null && anchor !== at) select(all[Math.min(anchor, at)], all[Math.max(anchor, at)]);
  }
  const zoomed = (a, b) => `${location.pathname}?from=${a.position}&to=${b.position}`;
  const compare = (a, b) => `${base}/compare/${a.sha.slice(0, 9)}..${b.sha.slice(0, 9)}`;
  function select(a, b) {
    box.setAttribute("x", x(a.position)); box.setAttribute("width", x(b.position) - x(a.position));
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
    const off = (i) => Math.abs(all[i].position - p);
    return all.reduce((best, _, i) => (off(i) < off(best) ? i : best), 0);
  };
  const open = async () => {
    const all = await load();
    const [a, b] = anchor === null ? [at - 1, at] : [Math.min(anchor, at), Math.max(anchor, at)];
    if (a >= 0 && b > a) go((anchor === null ? compare : zoomed)(all[a], all[b]));
  };
  picture.setAttribute("tabindex", "0");
  let drag = false;
  picture.addEventListener("pointermove", async (e) => { const i = await nearest(e); if (!held) show(i); });
  picture.addEventListener("pointerdown", async (e) => {
    if (e.target.closest("a")) return;
    drop(); drag = true; anchor = at = await nearest(e);
  });
  addEventListener("pointerup", () => {
    if (!drag) return;
    drag = false;
    // A range stays, with what can be done with it; a mere click leaves nothing.
    if (Math.abs(at - anchor) > 1) held = true; else drop();
  });
  out.textContent = "Point at a commit, or use ← →; drag, or hold Shift, for a range.";
  out.after(button("Save PNG", async () => {
    const name = $("h1").textContent;
    // On white paper whatever the scheme.
    const drawn = (await (await fetch(`${base}/series/${figure.dataset.series}.svg${location.search}`)).text())
      .replace(/<style media.*?<\/style>/, "").replace("<svg ", '<svg width="2000" height="640" ');
    const image = make("img", { src: `data:image/svg+xml,${encodeURIComponent(drawn)}` });
    await image.decode();
    const canvas = make("canvas", { width: 2000, height: 740 }), c = canvas.getContext("2d");
    c.fillStyle = "#fff"; c.fillRect(0, 0, 2000, 740); c.drawImage(image, 0, 100);
    c.fillStyle = "#222"; c.font = "600 34px system-ui"; c.fillText($("title", picture).textContent, 40, 48);
    c.font = "24px system-ui"; c.fillText($("desc", picture).textContent, 40, 86);
    make("a", { href: canvas.toDataURL(), download: `${name.replace(/[^\w.-]+/g, "-")}.png` }).click();
  }));
  picture.addEventListener("focus", () => { if (at < 0) load().then((all) => show(all.length - 1)); });
  picture.addEventListener("keydown", (e) => {
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

// ---- flame graphs: zoom in place, arrows, search
function flame(box) {
  const picture = $(".flamegraph", box);
  if (!picture) return;
  const tools = $(".flametools", box), out = $(".cursor", box), input = $(".flamesearch", box), found = $(".flamefound", box);
  tools.hidden = false;
  const frames = $$("a", picture).map((a) => {
    const r = $("rect", a), n = (k) => Number(r.getAttribute(k));
    return { a, r, t: $("text", a), x: n("x"), w: n("width"), y: n("y"), name: $("title", a).textContent };
  });
  const whole = frames.length && frames[0];
  const full = picture.viewBox.baseVal.width;
  const rows = (y) => frames.filter((f) => f.y === y).sort((a, b) => a.x - b.x);
  function zoom(f) {
    const scale = full / (f.w + 0.6);
    for (const g of frames) {
      const above = g.y < f.y && g.x <= f.x + 0.1 && g.x + g.w >= f.x + f.w - 0.1;
      const inside = g.y >= f.y && g.x >= f.x - 0.1 && g.x + g.w <= f.x + f.w + 0.7;
      g.a.style.display = above || inside ? "" : "none";
      const [x, w] = above ? [0, full - 0.6] : [(g.x - f.x) * scale, Math.max(0.4, g.w * scale)];
      g.r.setAttribute("x", x); g.r.setAttribute("width", w);
      if (g.t) { g.t.setAttribute("x", x + 3); }
    }
    out.textContent = f.name;
  }
  const focusOn = (f) => { if (f) { f.a.focus(); out.textContent = f.name; } };
  const reset = () => { zoom(whole); picture.classList.remove("searching"); input.value = ""; found.textContent = ""; frames.forEach((f) => f.a.classList.remove("match")); };
  function search() {
    const text = input.value.trim().toLowerCase();
    picture.classList.toggle("searching", text !== "");
    let sum = 0;
    const hit = [];
    for (const f of frames) {
      const is = text !== "" && f.name.toLowerCase().split(":").slice(0, -1).join(":").includes(text);
      f.a.classList.toggle("match", is);
      // What lies inside another match is counted already.
      if (is && !hit.some((h) => h.y < f.y && h.x <= f.x && h.x + h.w >= f.x + f.w)) { hit.push(f); sum += f.w; }
    }
    found.textContent = text === "" ? "" : `${((100 * sum) / whole.w).toFixed(1)} % of the width`;
  }
  frames.forEach((f, i) => {
    f.a.tabIndex = i ? -1 : 0;
    f.a.addEventListener("click", (e) => { e.preventDefault(); zoom(f); });
    f.a.addEventListener("pointerenter", () => { out.textContent = f.name; });
  });
  picture.addEventListener("keydown", (e) => {
    const f = frames.find((g) => g.a === document.activeElement);
    if (!f) return;
    const row = rows(f.y), i = row.indexOf(f);
    const inside = (g, h) => g.x >= h.x - 0.1 && g.x + g.w <= h.x + h.w + 0.7;
    const to = { ArrowLeft: () => row[i - 1], ArrowRight: () => row[i + 1], ArrowUp: () => rows(f.y - 18).find((g) => inside(f, g)),
      ArrowDown: () => rows(f.y + 18).filter((g) => inside(g, f)).sort((a, b) => b.w - a.w)[0] }[e.key];
    if (to) focusOn(to()); else if (e.key === "Enter" || e.key === " ") zoom(f); else return;
    e.preventDefault(); e.stopPropagation();
  });
  input.addEventListener("input", search);
  $(".flamereset", box).addEventListener("click", reset);
  box.resetFlame = reset;
}

// ---- once a page
function start() {
  current = -1;
  if (navigator.clipboard) $$('.forms a[href$=".md"]').forEach((a) => a.after(" ", button("Copy Markdown", async () => { await navigator.clipboard.writeText(await (await fetch(a.href)).text()); say("Copied."); })));
  $$("figure[data-series]").forEach(chart);
  $$(".flamebox").forEach(flame);
  $$(".copy").forEach((b) => {
    b.hidden = !navigator.clipboard;
    b.addEventListener("click", () => navigator.clipboard.writeText(b.dataset.copy).then(() => { b.textContent = "Copied"; say("Copied."); }));
  });
}

let before = "";
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (typing(e)) { if (e.key === "Escape") e.target.blur(); return; }
  const key = e.key;
  if (before === "g") {
    before = "";
    const to = { t: "/", h: "/health", c: "/commits", v: "/compare" }[key];
    if (to) { e.preventDefault(); go(base + to); }
    return;
  }
  if (key === "g") before = "g";
  else if (key === "j") mark(current + 1);
  else if (key === "k") mark(current - 1);
  else if (key === "Enter" && document.activeElement.matches(".group.current")) { const a = $("a.open, .members a, h3 a, .cause a", document.activeElement); if (a) go(a.href); }
  else if (key === "x") { if (current < 0) mark(0); const box = here() && $("input[type=checkbox]", here()); if (box) box.click(); }
  else if (key in STATES) decide(key);
  else if (key === "u") { const undo = $('form[action*="/triage/undo"] button', here() || document) || $('form[action*="/triage/undo"] button'); if (undo) undo.click(); }
  else if (key === "/") { const box = $(".flamesearch") || $("#q") || $("#find"); box.focus(); }
  else if (key === "?") go(`${base}/help`);
  else if (key === "0" || key === "Escape") { const box = $(".flamebox"); if (box && box.resetFlame) box.resetFlame(); else return; }
  else return;
  if (key !== "g" && key !== "Enter") e.preventDefault();
});

start();
listen();
suggest();
})();
