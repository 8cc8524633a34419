// What the pages gain with a script: a cursor on charts, keys, zoom in place, copying, and news
// without a reload. Every page is complete without it. Nothing is fetched from elsewhere, no
// text is ever taken for markup except whole pages of this server.
"use strict";
(() => {
  const $ = (s, at = document) => at.querySelector(s);
  const $$ = (s, at = document) => [...at.querySelectorAll(s)];
  const svg = (name, attributes) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  };
  const say = (text) => { const live = $("#live"); if (live) live.textContent = text; };
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
  let source;
  function listen() {
    if (source || !window.EventSource) return;
    source = new EventSource("/events");
    const news = (e) => {
      if (e.data === document.body.dataset.at || document.hidden) return;
      // Whoever is typing or selecting is not disturbed; the next event comes.
      const busy = $("input:checked") || typing({ target: document.activeElement || document.body });
      if (busy) { say("There is news; reload to see it."); return; }
      go(location.href, { push: false, fresh: true }).then(() => say("Updated."));
    };
    source.addEventListener("facts", news);
    source.addEventListener("people", news);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) go(location.href, { push: false, fresh: true });
    });
    addEventListener("pagehide", () => source.close());
  }

  // ---- lists: j, k, Enter, x
  let current = -1;
  const items = () => { const g = $$(".group"); return g.length ? g : $$(".rows tbody tr"); };
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
  function decide(key) {
    if ($('[form="bulk"]:checked')) {
      const states = { a: "acknowledged", f: "fixed_by", w: "accepted", n: "noise", i: "infra" };
      const button = $(`#bulk button[value="${states[key]}"]`);
      if (button) button.click();
      return;
    }
    const group = $$(".group")[Math.max(current, 0)];
    const button = group && $(`button[data-key="${key}"]`, group);
    if (button) button.click();
  }

  // ---- charts: cursor, keys, range
  function chart(figure) {
    const picture = $(".chart", figure);
    const out = $(".cursor", figure);
    if (!picture || !out) return;
    const d = picture.dataset;
    const [from, to, left, right] = [d.from, d.to, d.left, d.right].map(Number);
    const height = picture.viewBox.baseVal.height;
    let points, at = -1, anchor = null;
    const line = svg("path", { class: "pointer" });
    const box = svg("rect", { class: "selection", y: 0, height, width: 0 });
    picture.append(box, line);
    const x = (p) => left + ((right - left) * (p - from)) / (to - from);
    const load = () => points ||= fetch(`/series/${figure.dataset.series}.json${location.search}`)
      .then((r) => r.json()).then((j) => { unit = j.unit; return j.points; }).catch(() => []);
    let unit = "";
    const number = (v) => unit === "ns" ? (v >= 1e6 ? `${(v / 1e6).toFixed(3)} ms` : v >= 1e3 ? `${(v / 1e3).toFixed(3)} µs` : `${v.toFixed(2)} ns`)
      : `${Math.round(v).toLocaleString("en")} ${unit}`;
    async function show(i) {
      const all = await load();
      if (!all.length) return;
      at = Math.max(0, Math.min(all.length - 1, i));
      const p = all[at], b = all[at - 1];
      line.setAttribute("d", `M${x(p.position)} 0v${height}`);
      const change = b && b.value ? ((100 * (p.value - b.value)) / b.value) : null;
      const moved = change === null ? "" : ` · ${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(2)} % to the one before`;
      out.textContent = `${(p.sha || "").slice(0, 9)} “${p.subject || ""}” ${p.author || ""} · ${number(p.value)}${moved}`;
      if (anchor !== null) select(all[anchor].position, p.position);
    }
    function select(a, b) {
      const [l, r] = [x(Math.min(a, b)), x(Math.max(a, b))];
      box.setAttribute("x", l); box.setAttribute("width", Math.max(0, r - l));
    }
    const nearest = async (e) => {
      const r = picture.getBoundingClientRect();
      const units = ((e.clientX - r.left) / r.width) * picture.viewBox.baseVal.width;
      const p = from + ((to - from) * (units - left)) / (right - left);
      const all = await load();
      let [l, h] = [0, all.length - 1];
      while (h - l > 1) { const m = (l + h) >> 1; if (all[m].position < p) l = m; else h = m; }
      return all.length && Math.abs(all[l].position - p) < Math.abs((all[h] || all[l]).position - p) ? l : h;
    };
    const zoom = async () => {
      const all = await load();
      const [a, b] = [Math.min(anchor, at), Math.max(anchor, at)];
      if (b - a < 2) return;
      go(`${location.pathname}?from=${all[a].position}&to=${all[b].position}`);
    };
    const open = async () => {
      const all = await load();
      if (at > 0) go(`/compare/${all[at - 1].sha.slice(0, 9)}..${all[at].sha.slice(0, 9)}`);
    };
    picture.setAttribute("tabindex", "0");
    let drag = false;
    picture.addEventListener("pointermove", async (e) => { show(await nearest(e)); });
    picture.addEventListener("pointerdown", async (e) => {
      if (e.target.closest("a")) return;
      drag = true; anchor = await nearest(e);
    });
    addEventListener("pointerup", async () => {
      if (!drag) return;
      drag = false;
      if (picture.isConnected && Math.abs(at - anchor) >= 2) await zoom();
      anchor = null;
      box.setAttribute("width", 0);
    });
    picture.addEventListener("focus", () => { if (at < 0) load().then((all) => show(all.length - 1)); });
    picture.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[e.key];
      if (step) {
        if (e.shiftKey && anchor === null) anchor = at;
        if (!e.shiftKey) { anchor = null; box.setAttribute("width", 0); }
        show(at + step);
      } else if (e.key === "Enter" && e.target === picture) { if (anchor !== null) zoom(); else open(); }
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
      const to = { t: "/", h: "/health", c: "/commits" }[key];
      if (to) { e.preventDefault(); go(to); }
      return;
    }
    if (key === "g") before = "g";
    else if (key === "j") mark(current + 1);
    else if (key === "k") mark(current - 1);
    else if (key === "Enter" && document.activeElement.matches(".group.current")) { const a = $("a.open, .members a", document.activeElement); if (a) go(a.href); }
    else if (key === "x") { const box = $$(".group")[Math.max(current, 0)]; if (box) $("input[type=checkbox]", box).click(); }
    else if ("afwni".includes(key) && key.length === 1) decide(key);
    else if (key === "u") { const undo = $('form[action="/triage/undo"] button'); if (undo) undo.click(); }
    else if (key === "/") { const box = $(".flamesearch") || $("#q") || $("#find"); box.focus(); }
    else if (key === "?") go("/help");
    else if (key === "0" || key === "Escape") { const box = $(".flamebox"); if (box && box.resetFlame) box.resetFlame(); else return; }
    else return;
    if (key !== "g" && key !== "Enter") e.preventDefault();
  });

  start();
  listen();
})();
