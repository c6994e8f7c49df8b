// Films lie beside the page, one picture with all frames of a world; each is loaded when it is first asked for.
const makeFilms = (film, onload) => {
  const MOST = 600, HOLD = 6; // strips kept in memory; beats that the last frame is held before the loop begins again
  const strips = new Map();
  const counts = { ready: 0, failed: 0 };
  const get = (i) => {
    if (!film) return null;
    let strip = strips.get(i);
    if (strip) {
      strips.delete(i); // the most recent stands last
      strips.set(i, strip);
      return strip.dataset.state === "ready" ? strip : null;
    }
    strip = new Image();
    strip.decoding = "async";
    strip.onload = () => { strip.dataset.state = "ready"; counts.ready++; onload(i); };
    strip.onerror = () => { strip.dataset.state = "failed"; counts.failed++; onload(i); };
    strip.src = `${film.folder}/${String(i).padStart(5, "0")}.webp`;
    strips.set(i, strip);
    if (strips.size > MOST) strips.delete(strips.keys().next().value);
    return null;
  };
  const beat = (milliseconds) => Math.min(Math.floor((milliseconds / 1000) * film.fps) % (film.count + HOLD), film.count - 1);
  const draw = (brush, strip, frame, x, y, side) => {
    const { width, height, columns } = film;
    const scale = side / Math.max(width, height);
    const [w, h] = [width * scale, height * scale];
    const [sx, sy] = [(frame % columns) * width, Math.floor(frame / columns) * height];
    brush.drawImage(strip, sx, sy, width, height, x + (side - w) / 2, y + (side - h) / 2, w, h);
  };
  return { get, beat, draw, counts, last: film ? film.count - 1 : 0 };
};
