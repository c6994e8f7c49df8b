// Paints the map: a dot for every world, and over them the pictures that have room.
const draw = (() => {
  const ROUND = 0.09, APPEAR = 0.04; // of a picture's side: its corners; and over which share of zoom it appears
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    return { paper: get("--paper"), ink: get("--ink"), soft: get("--soft"), rule: get("--rule"), accent: get("--accent") };
  };

  // Which pictures are shown, where, in window coordinates: [{ i, x, y, side, strength }], x and y of the corner.
  const tiles = (state) => {
    const { view, layout, isolated } = state;
    const side = camera.side(view, layout, state.base);
    const out = [];
    for (let i = 0; i < isolated.length; i++) {
      if (!layout.tiled && !isolation.isShown(isolated[i], view.k, side)) continue;
      const [cx, cy] = camera.toScreen(view, layout.points[2 * i], layout.points[2 * i + 1]);
      if (cx < -side || cy < -side || cx > view.width + side || cy > view.height + side) continue;
      const over = layout.tiled ? 1 : (isolated[i] * view.k) / side - 1;
      const strength = Math.min(0.25 + over / APPEAR, 1) * (state.query ? state.query.strength[i] : 1);
      out.push({ i, x: cx - side / 2, y: cy - side / 2, side, strength });
    }
    return out;
  };

  const dots = (brush, state, ink) => {
    const { view, layout, query } = state;
    const size = view.k > 2 * layout.fitted ? 4 : 3;
    for (let i = 0; i < state.data.n; i++) {
      const [x, y] = camera.toScreen(view, layout.points[2 * i], layout.points[2 * i + 1]);
      if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
      const found = query && query.top.has(i);
      brush.globalAlpha = found ? 1 : 0.45;
      brush.fillStyle = found ? ink.accent : ink.soft;
      const s = found ? size + 2 : size;
      brush.fillRect(x - s / 2, y - s / 2, s, s);
    }
    brush.globalAlpha = 1;
  };

  const thumb = (brush, state, i, x, y, side) => {
    const { side: cell, columns } = state.data;
    const sheet = state.sheets[Math.floor(i / (columns * columns))];
    const at = i % (columns * columns);
    const [sx, sy] = [(at % columns) * cell + 0.5, Math.floor(at / columns) * cell + 0.5]; // no neighbour shines in
    brush.drawImage(sheet, sx, sy, cell - 1, cell - 1, x, y, side, side);
  };

  const outline = (brush, tile, colour, width) => {
    const gap = width / 2 + 1;
    brush.strokeStyle = colour;
    brush.lineWidth = width;
    brush.beginPath();
    brush.roundRect(tile.x - gap, tile.y - gap, tile.side + 2 * gap, tile.side + 2 * gap, tile.side * ROUND + gap);
    brush.stroke();
  };

  const paint = (brush, state, now) => {
    const ink = state.ink;
    brush.setTransform(state.density, 0, 0, state.density, 0, 0);
    brush.fillStyle = ink.paper;
    brush.fillRect(0, 0, state.view.width, state.view.height);
    if (!state.layout.tiled) dots(brush, state, ink);
    const shown = tiles(state);
    const crisp = state.data.pixelated;
    brush.imageSmoothingEnabled = !crisp || (shown[0] && shown[0].side * state.density < state.data.side);
    brush.imageSmoothingQuality = "medium";
    brush.save();
    brush.beginPath();
    for (const t of shown) brush.roundRect(t.x, t.y, t.side, t.side, t.side * ROUND);
    brush.clip(); // once for all: they do not overlap
    for (const t of shown) {
      const runs = state.playing ? state.moving : state.moving && (t.i === state.hover || t.i === state.chosen);
      const fine = state.films.last > 0 && t.side * state.density > 1.25 * state.data.side;
      const strip = runs || fine ? state.films.get(t.i) : null;
      brush.globalAlpha = 1;
      brush.fillStyle = ink.paper;
      if (t.strength < 1) brush.fillRect(t.x, t.y, t.side, t.side);
      brush.globalAlpha = t.strength;
      if (strip) state.films.draw(brush, strip, runs ? state.films.beat(now) : state.films.last, t.x, t.y, t.side);
      else thumb(brush, state, t.i, t.x, t.y, t.side);
    }
    brush.restore();
    brush.beginPath(); // a hair's breadth of edge: a dark world ends somewhere
    for (const t of shown) brush.roundRect(t.x + 0.5, t.y + 0.5, t.side - 1, t.side - 1, t.side * ROUND);
    brush.strokeStyle = ink.rule;
    brush.lineWidth = 1;
    brush.stroke();
    for (const t of shown) {
      if (state.query && state.query.top.has(t.i)) outline(brush, t, ink.accent, 1.5);
      if (t.i === state.hover || t.i === state.cursor) outline(brush, t, ink.ink, 2);
      if (t.i === state.chosen) outline(brush, t, ink.accent, 3);
    }
    pin(brush, state, shown, ink);
    return shown;
  };

  // A chosen world whose picture has no room yet is still marked.
  const pin = (brush, state, shown, ink) => {
    for (const i of new Set([state.chosen, state.hover, state.cursor])) {
      if (i < 0 || shown.some((t) => t.i === i)) continue;
      const [x, y] = camera.toScreen(state.view, state.layout.points[2 * i], state.layout.points[2 * i + 1]);
      brush.beginPath();
      brush.arc(x, y, 7, 0, 2 * Math.PI);
      brush.strokeStyle = ink.paper;
      brush.lineWidth = 5;
      brush.stroke();
      brush.strokeStyle = i === state.chosen ? ink.accent : ink.ink;
      brush.lineWidth = 2.5;
      brush.stroke();
    }
  };
  return { colours, tiles, thumb, paint };
})();
