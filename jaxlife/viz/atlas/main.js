// The atlas: what it holds, where one looks, what is chosen; everything else asks it.
(async () => {
  "use strict";
  const begun = performance.now();
  const root = document.documentElement, canvas = document.getElementById("map"), brush = canvas.getContext("2d");
  const said = document.getElementById("said"), field = document.getElementById("query");
  const data = JSON.parse(document.getElementById("atlas").textContent);
  data.embeddings = bytes.read(data.embeddings, "int16");
  data.neighbours = bytes.read(data.neighbours, "uint32");
  if (data.score) data.score = bytes.read(data.score, "float32");
  if (data.vocabulary) data.vocabulary.rows = bytes.read(data.vocabulary.embeddings, "int16");
  for (const layout of data.layouts) {
    layout.points = bytes.read(layout.points, "float32");
    layout.order = bytes.read(layout.order, "uint32");
    const xs = layout.points.filter((_, i) => i % 2 === 0), ys = layout.points.filter((_, i) => i % 2);
    const low = (v) => v.reduce((a, b) => Math.min(a, b)), high = (v) => v.reduce((a, b) => Math.max(a, b));
    const rim = layout.tiled ? layout.gap / 2 : 0;
    layout.box = [low(xs) - rim, low(ys) - rim, high(xs) + rim, high(ys) + rim];
  }
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const state = {
    data, view: null, layout: data.layouts[0], isolated: null, shown: [], query: null, base: 56, density: 1,
    hover: -1, cursor: -1, chosen: -1, whole: true, playing: false, moving: !calm.matches, ink: draw.colours(), sheets: [], films: null,
  };
  const atlas = { data, state };
  const name = (i) => (data.names ? data.names[i] : `World ${i}`);
  const say = (words) => { said.textContent = words; };
  const tell = (words) => { say(words); document.getElementById("about").textContent = words; }; // to the eye too

  // ---- painting, only when something changed or moves
  let due = false, began = performance.now();
  const redraw = () => {
    if (due) return;
    due = true;
    requestAnimationFrame((now) => {
      due = false;
      state.shown = draw.paint(brush, state, now - began);
      root.dataset.shown = state.shown.length;
      const runs = panel.project(now);
      if (runs || (state.moving && data.film && (state.playing || state.hover >= 0 || state.chosen >= 0))) redraw();
    });
  };
  const look = (view, whole = false) => {
    state.view = view;
    state.whole = whole;
    document.body.dataset.whole = whole ? "yes" : "no";
    redraw();
  };
  let flight = 0;
  const glide = (to, whole = false) => { // there in a fifth of a second; at once for those who asked for less motion
    const from = state.view, start = performance.now(), mine = ++flight;
    if (calm.matches) return look(to, whole);
    const step = (now) => {
      const t = Math.min(Math.max((now - start) / 220, 0), 1), e = 1 - (1 - t) ** 3;
      const mix = (a, b) => a + (b - a) * e;
      if (mine !== flight) return;
      look({ ...to, x: mix(from.x, to.x), y: mix(from.y, to.y), k: from.k * (to.k / from.k) ** e }, whole);
      if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  };

  // ---- the window
  const inset = () => {
    const head = document.getElementById("bar").getBoundingClientRect().bottom;
    const card = document.getElementById("panel"), narrow = innerWidth < 720;
    const side = card.hidden || narrow ? 0 : card.offsetWidth + 16;
    const below = !card.hidden && narrow ? card.offsetHeight : 16;
    return { left: 16 + state.base / 2, right: 16 + state.base / 2 + side, top: head + 12 + state.base / 2, bottom: below + 24 + state.base / 2 };
  };
  const fitted = () => {
    const view = camera.fit(state.layout, canvas.clientWidth, canvas.clientHeight, inset());
    state.layout.fitted = view.k;
    return view;
  };
  const resize = () => {
    state.density = Math.min(devicePixelRatio || 1, 2);
    canvas.width = Math.round(canvas.clientWidth * state.density);
    canvas.height = Math.round(canvas.clientHeight * state.density);
    state.base = canvas.clientWidth < 720 ? 46 : 58;
    const all = fitted();
    if (state.whole) look(all, true);
    else look({ ...state.view, width: all.width, height: all.height });
  };
  // What was found claims its place first, the others as ever.
  const claims = (layout) => {
    const { order } = state.query, found = new Set(order);
    return Uint32Array.from([...order, ...layout.order.filter((i) => !found.has(i))]);
  };
  const arrange = (layout) => {
    state.layout = layout;
    state.isolated = isolation.measure(layout.points, state.query ? claims(layout) : layout.order);
    for (const b of document.querySelectorAll("#layouts button")) b.setAttribute("aria-pressed", String(b.textContent === layout.name));
    document.getElementById("about").textContent = layout.about;
  };

  // ---- choosing
  const point = (i) => {
    if (i === state.hover) return;
    state.hover = i;
    canvas.dataset.over = i >= 0 ? "world" : "";
    peek(i);
    redraw();
  };
  const card = document.getElementById("peek");
  const peek = (i) => {
    card.hidden = i < 0 || i === state.chosen;
    if (card.hidden) return;
    const likeness = state.query ? `  ${state.query.values[i].toFixed(3).replace("-", "−")}` : "";
    card.textContent = name(i) + likeness;
  };
  const focus = (i) => {
    state.cursor = i;
    peek(i);
    if (i >= 0) say(`${name(i)}. Enter opens it.`);
    redraw();
  };
  const write = () => {
    const parts = new URLSearchParams();
    if (state.query && state.query.text) parts.set("q", state.query.text);
    if (state.chosen >= 0) parts.set("world", state.chosen);
    if (state.layout !== data.layouts[0]) parts.set("map", state.layout.name);
    history.replaceState(null, "", `#${parts}`);
  };
  const choose = (i, travel = false) => {
    state.chosen = i;
    if (i >= 0) panel.world(i);
    else if (state.query) panel.results();
    else panel.show("");
    peek(-1);
    if (travel) {
      const [x, y] = [state.layout.points[2 * i], state.layout.points[2 * i + 1]];
      let k = state.view.k; // near enough for its picture to have room
      const hidden = () => !state.layout.tiled && !isolation.isShown(state.isolated[i], k, camera.side({ k }, state.layout, state.base));
      while (hidden() && k < camera.furthest(state.layout)) k *= 1.2;
      const margin = inset();
      const shift = [(margin.left - margin.right) / 2 / k, (margin.top - margin.bottom) / 2 / k];
      glide({ ...state.view, x: x - shift[0], y: y - shift[1], k });
    }
    write();
    redraw();
  };
  const close = () => {
    if (state.chosen >= 0) choose(-1);
    else if (state.query) clear();
    if (document.getElementById("panel").contains(document.activeElement)) canvas.focus({ preventScroll: true });
  };

  // ---- asking
  const FOUND = 24;
  const ask = (text, label, values, how) => {
    const all = search.best(values);
    const [high, low] = [values[all[0]], values[all[Math.floor(all.length / 2)]]];
    const strength = Float32Array.from(values, (v) => 0.22 + 0.78 * Math.min(Math.max((v - low) / (high - low || 1), 0), 1) ** 1.5);
    const order = Array.from(all.subarray(0, FOUND));
    state.query = { text, label, values, order, top: new Set(order.slice(0, 12)), strength, how };
    state.chosen = -1;
    arrange(state.layout);
    panel.results();
    say(`${label}: ${order.length} worlds listed, the nearest is ${name(order[0])}.`);
    write();
    redraw();
  };
  const clear = () => {
    state.query = null;
    field.value = "";
    arrange(state.layout);
    panel.show("");
    write();
    redraw();
  };
  const exact = async (text) => { // a server by `jaxlife view` embeds any text; another one, or none, does not
    if (!location.protocol.startsWith("http")) return null;
    try {
      const answer = await fetch(`query?text=${encodeURIComponent(text)}`);
      return answer.ok ? Float32Array.from((await answer.json()).similarity) : null;
    } catch (error) {
      if (error instanceof TypeError || error instanceof SyntaxError) return null;
      throw error;
    }
  };
  const known = (text) => {
    if (!data.vocabulary) return null;
    const rows = search.phrases(data.vocabulary.words, text);
    if (!rows.length) return null;
    const words = rows.map((i) => `“${data.vocabulary.words[i]}”`);
    const vector = search.blend(data.vocabulary.rows, data.dim, rows);
    const own = rows.length === 1 && search.phrases([text], data.vocabulary.words[rows[0]]).length > 0;
    const how = own ? "Likeness to a phrase that the page knows." : `Read as ${words.join(" and ")}; jaxlife view asks the encoder itself.`;
    return [search.similarity(data.embeddings, data.dim, vector), how];
  };
  let asking = 0;
  const query = async (text) => {
    const mine = ++asking;
    text = text.trim();
    field.removeAttribute("aria-invalid");
    if (!text) return clear();
    const slow = setTimeout(() => tell("Asking the encoder; the first question takes a moment."), 400);
    const served = await exact(text);
    clearTimeout(slow);
    if (mine !== asking) return;
    const [values, how] = served ? [served, "Likeness by the encoder itself."] : known(text) ?? [null, ""];
    if (values) return ask(text, `“${text}”`, values, how);
    field.setAttribute("aria-invalid", "true");
    tell(data.vocabulary ? `The page does not know “${text}”. Try one of its suggestions, or serve it by jaxlife view.` : "This atlas was embedded without words.");
  };
  const alike = (i) => {
    const own = search.similarity(data.embeddings, data.dim, search.rowOf(data.embeddings, data.dim, i));
    field.value = "";
    ask("", name(i), own, "Likeness of embeddings to this world.");
  };

  // ---- the buttons
  const playAll = (on) => {
    state.playing = on;
    if (on) state.moving = true; // asked for by hand
    const button = document.getElementById("play");
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Pause all" : "Play all";
    redraw();
  };
  const nearer = (factor) => glide(camera.zoom(state.view, state.layout, factor, state.view.width / 2, state.view.height / 2));
  const home = () => glide(fitted(), true);
  const settle = () => { if (state.whole) home(); }; // a card opened or closed: who saw the whole map still does
  const map = (layout) => {
    arrange(layout);
    look(fitted(), true);
    write();
  };
  Object.assign(atlas, { name, say, redraw, look, glide, point, focus, choose, close, settle, alike, nearer, home, playAll, query, map });
  for (const layout of data.layouts) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = layout.name;
    button.addEventListener("click", () => map(layout));
    document.getElementById("layouts").append(button);
  }
  document.getElementById("play").addEventListener("click", () => playAll(!state.playing));
  document.getElementById("play").hidden = !data.film;
  document.getElementById("nearer").addEventListener("click", () => nearer(1.6));
  document.getElementById("further").addEventListener("click", () => nearer(1 / 1.6));
  document.getElementById("home").addEventListener("click", home);
  document.getElementById("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    query(field.value);
  });
  field.addEventListener("input", () => { if (!field.value || (data.vocabulary && data.vocabulary.words.includes(field.value))) query(field.value); });
  if (data.vocabulary) {
    document.getElementById("words").append(...data.vocabulary.words.map((word) => new Option(word)));
  }

  // ---- the beginning
  state.films = makeFilms(data.film, () => {
    root.dataset.films = `${state.films.counts.ready} ready, ${state.films.counts.failed} failed`;
    redraw();
  });
  state.sheets = await Promise.all(data.sheets.map((source) => new Promise((resolve, reject) => {
    const sheet = new Image();
    sheet.onload = () => resolve(sheet);
    sheet.onerror = () => reject(new Error("a sheet of thumbnails cannot be read"));
    sheet.src = source;
  })));
  data.sheets = null;
  const panel = makePanel(atlas);
  arrange(state.layout);
  resize();
  makeHands(canvas, atlas);
  addEventListener("resize", resize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { state.ink = draw.colours(); redraw(); });
  calm.addEventListener("change", () => { state.moving = !calm.matches; redraw(); });
  window.atlas = { ...atlas, recipe: panel.recipe, tiles: () => state.shown };
  const wanted = new URLSearchParams(location.hash.slice(1));
  const asked = data.layouts.find((layout) => layout.name === wanted.get("map"));
  if (asked) map(asked);
  if (wanted.get("q")) {
    field.value = wanted.get("q");
    await query(field.value);
  }
  const one = Number(wanted.get("world"));
  if (wanted.has("world") && Number.isInteger(one) && one >= 0 && one < data.n) choose(one, true);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    root.dataset.ready = Math.round(performance.now()); // since the page was asked for
    root.dataset.script = Math.round(performance.now() - begun);
  }));
})();
