// Numbers come as base64 of little-endian arrays: exact, and quicker to read than digits.
const bytes = (() => {
  const raw = (text) => {
    const letters = atob(text);
    const out = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) out[i] = letters.charCodeAt(i);
    return out.buffer;
  };
  const kinds = {
    int8: Int8Array, uint8: Uint8Array, bool: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array,
    uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, float32: Float32Array, float64: Float64Array,
  };
  const read = (text, kind) => new kinds[kind](raw(text));

  // Row i of an array of shape [n, ...], as nested lists of plain numbers: what a JSON file can hold.
  const row = (array, shape, i, isBool = false) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const plain = Array.from(array.subarray(i * size, (i + 1) * size), isBool ? Boolean : Number);
    const nest = (flat, [first, ...rest]) => {
      if (first === undefined) return flat[0];
      const step = flat.length / (first || 1);
      return Array.from({ length: first }, (_, j) => nest(flat.slice(j * step, (j + 1) * step), rest));
    };
    return nest(plain, shape);
  };
  return { read, row };
})();
