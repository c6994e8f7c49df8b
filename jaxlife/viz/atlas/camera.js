// Where one looks: the map's point in the middle of the window, and k, pixels a unit of the map.
const camera = (() => {
  const LARGEST = 168, LARGEST_TILE = 232, GROWTH = 0.27, FILL = 0.94;
  const toScreen = (view, x, y) => [(x - view.x) * view.k + view.width / 2, (y - view.y) * view.k + view.height / 2];
  const toMap = (view, sx, sy) => [(sx - view.width / 2) / view.k + view.x, (sy - view.height / 2) / view.k + view.y];

  // The side of a picture: it grows more slowly than the map, so that zooming in parts worlds and enlarges them.
  const side = (view, layout, base) => {
    if (layout.tiled) return Math.min(layout.gap * view.k * FILL, LARGEST_TILE);
    return Math.min(base * Math.max(view.k / layout.fitted, 1) ** GROWTH, LARGEST);
  };
  const furthest = (layout) => 1.05 * (layout.tiled ? LARGEST_TILE / FILL : LARGEST) / layout.gap;

  // The whole map inside the part of the window that nothing covers.
  const fit = (layout, width, height, inset) => {
    const [left, top, right, bottom] = layout.box;
    const free = [width - inset.left - inset.right, height - inset.top - inset.bottom];
    const span = [Math.max(right - left, layout.gap), Math.max(bottom - top, layout.gap)];
    const k = Math.max(Math.min(free[0] / span[0], free[1] / span[1]), 40);
    const shift = [(inset.left - inset.right) / 2, (inset.top - inset.bottom) / 2];
    return { x: (left + right) / 2 - shift[0] / k, y: (top + bottom) / 2 - shift[1] / k, k, width, height };
  };

  // Zooms so that what is under (sx, sy) stays there.
  const zoom = (view, layout, factor, sx, sy) => {
    const k = Math.min(Math.max(view.k * factor, 0.5 * layout.fitted), Math.max(furthest(layout), layout.fitted));
    const [x, y] = toMap(view, sx, sy);
    return { ...view, k, x: x - (sx - view.width / 2) / k, y: y - (sy - view.height / 2) / k };
  };

  // Pans, but never so far that the map is out of sight.
  const pan = (view, layout, dx, dy) => {
    const [left, top, right, bottom] = layout.box;
    const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
    return { ...view, x: clamp(view.x - dx / view.k, left, right), y: clamp(view.y - dy / view.k, top, bottom) };
  };
  return { toScreen, toMap, side, furthest, fit, zoom, pan };
})();
