// Worlds by their likeness to a direction: of a world, of a text that a server embeds, or of words known beforehand.
const search = (() => {
  const SCALE = 32767; // embeddings are stored as 16-bit fractions: a similarity is off by at most 3e-5 * sqrt(dim)
  const rowOf = (data, dim, i) => Float32Array.from(data.subarray(i * dim, (i + 1) * dim), (v) => v / SCALE);
  const unit = (v) => {
    const length = Math.sqrt(v.reduce((sum, a) => sum + a * a, 0)) || 1;
    return v.map((a) => a / length);
  };
  const similarity = (data, dim, vector) => {
    const n = data.length / dim;
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let d = 0, at = i * dim; d < dim; d++) sum += data[at + d] * vector[d];
      out[i] = sum / SCALE;
    }
    return out;
  };
  const best = (values) => Uint32Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);

  const tidy = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}\s-]/gu, " ").replace(/\s+/g, " ").trim();
  const stem = (word) => (word.length > 3 ? word.replace(/(?<!s)s$/, "") : word);
  const stems = (text) => tidy(text).split(" ").map(stem).filter((w) => w && w !== "a" && w !== "an" && w !== "the");

  // The longest known phrases that the text is made of: "two red rings" of "red rings" alone. Empty where none is known.
  const phrases = (words, text) => {
    const asked = stems(text);
    if (!asked.length) return [];
    const known = words.map((word) => stems(word));
    const whole = known.findIndex((w) => w.join(" ") === asked.join(" "));
    if (whole >= 0) return [whole];
    const found = [];
    for (let from = 0; from < asked.length; ) {
      let taken = 0, which = -1;
      known.forEach((w, i) => {
        const fits = w.length > taken && w.every((part, j) => part === asked[from + j]);
        if (fits) [taken, which] = [w.length, i];
      });
      if (which >= 0) found.push(which);
      from += Math.max(taken, 1);
    }
    return [...new Set(found)];
  };
  const blend = (data, dim, rows) => {
    const sum = new Float32Array(dim);
    for (const i of rows) rowOf(data, dim, i).forEach((v, d) => { sum[d] += v; });
    return unit(sum);
  };
  return { rowOf, similarity, best, phrases, blend };
})();
