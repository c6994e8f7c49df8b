// The card beside the map: one world in full, or what a search found.
const makePanel = (atlas) => {
  const { data, state } = atlas;
  const panel = document.getElementById("panel");
  const find = (name) => panel.querySelector(`[data-part="${name}"]`);
  const number = (v) => v.toFixed(3).replace("-", "−");
  const shownValue = (v) => (Number.isInteger(v) ? String(v) : v.toPrecision(4).replace("-", "−"));

  const button = (i, note) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "thumb";
    made.dataset.world = i;
    made.setAttribute("aria-label", `${atlas.name(i)}, ${note}`);
    const picture = document.createElement("canvas");
    picture.width = picture.height = data.side;
    draw.thumb(picture.getContext("2d"), state, i, 0, 0, data.side);
    const words = document.createElement("span");
    words.textContent = note;
    made.append(picture, words);
    made.addEventListener("click", () => atlas.choose(i, true));
    for (const kind of ["pointerenter", "focus"]) made.addEventListener(kind, () => atlas.point(i));
    for (const kind of ["pointerleave", "blur"]) made.addEventListener(kind, () => atlas.point(-1));
    return made;
  };
  const fill = (place, entries) => place.replaceChildren(...entries.map(([i, note]) => button(i, note)));

  // ---- the film
  const screen = find("film"), moment = find("moment"), toggle = find("toggle");
  const clock = { playing: false, begun: 0, frame: 0 };
  const project = (now) => {
    if (state.chosen < 0 || panel.hidden) return false;
    const strip = state.films.get(state.chosen);
    const brush = screen.getContext("2d");
    if (strip && clock.playing) clock.frame = state.films.beat(now - clock.begun);
    brush.imageSmoothingEnabled = !data.pixelated;
    brush.imageSmoothingQuality = "high";
    brush.fillStyle = "#000";
    brush.fillRect(0, 0, screen.width, screen.height);
    if (strip) state.films.draw(brush, strip, clock.frame, 0, 0, screen.width);
    else draw.thumb(brush, state, state.chosen, 0, 0, screen.width);
    moment.value = clock.frame;
    moment.disabled = toggle.disabled = !strip;
    find("missing").hidden = !(data.film && state.films.counts.failed && !state.films.counts.ready);
    return Boolean(strip && clock.playing);
  };
  const play = (on) => {
    clock.playing = on;
    clock.begun = performance.now() - (clock.frame / (data.film ? data.film.fps : 1)) * 1000;
    toggle.textContent = on ? "Pause" : "Play";
    atlas.redraw();
  };
  toggle.addEventListener("click", () => play(!clock.playing));
  moment.addEventListener("input", () => {
    play(false);
    clock.frame = Number(moment.value);
    atlas.redraw();
  });

  // ---- its parameters
  let arrays = null;
  const params = (i) => {
    if (!data.params) return null;
    arrays ??= data.params.map((p) => ({ ...p, values: bytes.read(p.data, p.dtype) }));
    return Object.fromEntries(arrays.map((p) => [p.path, bytes.row(p.values, p.shape, i, p.dtype === "bool")]));
  };
  const recipe = (i) => ({ ...data.replay, index: i, params: params(i) });
  const save = (i) => {
    const link = document.createElement("a");
    if (data.params) {
      const text = JSON.stringify(recipe(i), null, 1);
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    } else {
      link.href = `${data.worlds}/${String(i).padStart(5, "0")}.json`;
    }
    link.download = `${data.replay.world}-${i}.json`;
    link.click();
    atlas.say(`Saved ${link.download}. Play it with: jaxlife render ${link.download}`);
  };
  const list = (i) => {
    const rows = Object.entries(params(i) ?? {}).map(([path, value]) => {
      const flat = [value].flat(Infinity);
      const words = flat.length <= 6 ? flat.map((v) => (typeof v === "number" ? shownValue(v) : String(v))).join(", ")
        : `${flat.length} numbers`;
      const row = document.createElement("div"), term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = path || "rule";
      text.textContent = words;
      row.append(term, text);
      return row;
    });
    find("params").replaceChildren(...rows);
    find("recipe").hidden = rows.length === 0;
  };

  const show = (part) => {
    const changes = panel.hidden !== !part;
    panel.hidden = !part;
    for (const name of ["world", "results"]) find(name).hidden = name !== part;
    document.body.dataset.panel = part || "none";
    if (part) panel.scrollTop = 0;
    if (changes && state.view) atlas.settle();
  };
  const world = (i) => {
    find("name").textContent = atlas.name(i);
    find("score").textContent = data.score ? `score ${number(data.score[i])}` : "";
    find("alike").textContent = state.query ? `${number(state.query.values[i])} like ${state.query.label}` : "";
    find("command").textContent = `jaxlife render ${data.replay.world}-${i}.json`;
    find("back").hidden = !state.query;
    const near = Array.from(data.neighbours.subarray(i * data.k, (i + 1) * data.k));
    const own = search.similarity(data.embeddings, data.dim, search.rowOf(data.embeddings, data.dim, i));
    fill(find("near"), near.map((j) => [j, number(own[j])]));
    list(i);
    clock.frame = data.film ? data.film.count - 1 : 0;
    show("world");
    play(state.moving && Boolean(data.film));
  };
  const results = () => {
    const { query } = state;
    find("asked").textContent = query.label;
    find("how").textContent = query.how;
    fill(find("found"), query.order.map((i) => [i, number(query.values[i])]));
    show("results");
  };
  find("save").addEventListener("click", () => save(state.chosen));
  find("like").addEventListener("click", () => atlas.alike(state.chosen));
  find("back").addEventListener("click", () => atlas.choose(-1));
  for (const close of panel.querySelectorAll('[data-part="close"]')) close.addEventListener("click", () => atlas.close());
  return { world, results, show, project, recipe, play };
};
