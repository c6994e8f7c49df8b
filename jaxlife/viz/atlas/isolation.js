// The isolation of a world: how far the nearest world is that comes before it in the order, by the larger of the two
// coordinates' differences. At k pixels a unit its picture of side s is shown where isolation * k >= s. Of two pictures
// that are shown, the later one's isolation is at most their distance: so they never overlap, and zooming in only adds.
const isolation = (() => {
  const measure = (points, order) => {
    const n = order.length;
    const x = Float64Array.from(order, (i) => points[2 * i]);
    const y = Float64Array.from(order, (i) => points[2 * i + 1]);
    const out = new Float64Array(n);
    for (let a = 0; a < n; a++) {
      let least = Infinity;
      for (let b = 0; b < a; b++) {
        const distance = Math.max(Math.abs(x[a] - x[b]), Math.abs(y[a] - y[b]));
        if (distance < least) least = distance;
      }
      out[order[a]] = least;
    }
    return out;
  };
  const isShown = (isolated, k, side) => isolated * k >= side;
  return { measure, isShown };
})();
