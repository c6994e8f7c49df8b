// Mouse, fingers and keys on the map.
const makeHands = (canvas, atlas) => {
  const { state } = atlas;
  const fingers = new Map();
  let moved = 0, spread = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const under = (x, y) => {
    const tile = state.shown.find((t) => x >= t.x && x < t.x + t.side && y >= t.y && y < t.y + t.side);
    if (tile) return tile.i;
    let near = -1, least = 10; // pixels around a dot that count as it
    const { points } = state.layout;
    for (let i = 0; i < state.data.n; i++) {
      const [px, py] = camera.toScreen(state.view, points[2 * i], points[2 * i + 1]);
      const distance = Math.max(Math.abs(px - x), Math.abs(py - y));
      if (distance < least) [near, least] = [i, distance];
    }
    return near;
  };
  const middle = () => {
    const all = [...fingers.values()];
    const x = all.reduce((sum, p) => sum + p[0], 0) / all.length, y = all.reduce((sum, p) => sum + p[1], 0) / all.length;
    return { x, y, spread: all.length > 1 ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 0 };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    try { canvas.setPointerCapture(event.pointerId); } catch (error) { if (error.name !== "NotFoundError") throw error; }
    fingers.set(event.pointerId, place(event));
    if (fingers.size === 1) moved = 0;
    spread = middle().spread;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (!fingers.has(event.pointerId)) {
      if (event.pointerType !== "touch") atlas.point(under(...now));
      return;
    }
    const before = middle();
    fingers.set(event.pointerId, now);
    const after = middle();
    moved += Math.hypot(after.x - before.x, after.y - before.y) + Math.abs(after.spread - before.spread);
    if (moved < 4) return; // a click trembles
    canvas.dataset.drag = "yes";
    let view = camera.pan(state.view, state.layout, after.x - before.x, after.y - before.y);
    if (spread && after.spread) view = camera.zoom(view, state.layout, after.spread / spread, after.x, after.y);
    spread = after.spread;
    atlas.look(view);
  });
  const lift = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    spread = fingers.size ? middle().spread : 0;
    if (fingers.size) return;
    delete canvas.dataset.drag;
    if (event.type === "pointerup" && moved < 4) {
      const i = under(...place(event));
      if (i >= 0) atlas.choose(i);
      else atlas.close();
    }
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => atlas.point(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const rate = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a trackpad comes with ctrl
    const factor = Math.exp(-Math.max(Math.min(event.deltaY * lines, 240), -240) * rate);
    atlas.look(camera.zoom(state.view, state.layout, factor, ...place(event)));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => atlas.glide(camera.zoom(state.view, state.layout, 2, ...place(event))));

  // The shown world that lies in a direction: near along it, and not far aside.
  const step = (dx, dy) => {
    const { view, layout, shown } = state;
    const at = (i) => camera.toScreen(view, layout.points[2 * i], layout.points[2 * i + 1]);
    const [x, y] = state.cursor >= 0 ? at(state.cursor) : [view.width / 2, view.height / 2];
    let next = -1, least = Infinity;
    for (const { i } of shown) {
      if (i === state.cursor) continue;
      const [px, py] = at(i);
      const along = (px - x) * dx + (py - y) * dy, aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
      const cost = state.cursor < 0 ? Math.hypot(px - x, py - y) : along + 2.5 * aside;
      if ((state.cursor < 0 || along > 2) && cost < least) [next, least] = [i, cost];
    }
    if (next >= 0) atlas.focus(next);
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) atlas.look(camera.pan(state.view, state.layout, -80 * arrow[0], -80 * arrow[1]));
    else if (arrow) step(...arrow);
    else if (event.key === "Enter" && state.cursor >= 0) atlas.choose(state.cursor);
    else if (event.key === " ") atlas.playAll(!state.playing);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape") atlas.close();
    else if (typing) return;
    else if (event.key === "/") document.getElementById("query").focus();
    else if (event.key === "+" || event.key === "=") atlas.nearer(1.5);
    else if (event.key === "-") atlas.nearer(1 / 1.5);
    else if (event.key === "0") atlas.home();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => atlas.focus(-1));
};
