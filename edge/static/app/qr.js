/** QR codes (ISO/IEC 18004) of short texts: bytes, error correction M, versions 1 to 6, which is up to 106 bytes. */

/** By version: data codewords, blocks, and correction codewords of each block. */
const VERSIONS = [[16, 1, 10], [28, 1, 16], [44, 1, 26], [64, 2, 18], [86, 2, 24], [108, 4, 16]];
/** @type {((x: number, y: number) => number)[]} */
const MASKS = [
  (x, y) => (x + y) % 2,
  (_x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/**
 * The rows of the code, each square dark or not; null for a text that is too long.
 * @param {string} text
 * @returns {boolean[][] | null}
 */
export function qr(text) {
  const bytes = [...new TextEncoder().encode(text)];
  const version = VERSIONS.findIndex(([data]) => data >= bytes.length + 2) + 1;
  if (!version) return null;
  const stream = codewords(bytes, VERSIONS[version - 1]);
  const all = MASKS.map((_, mask) => drawn(version, stream, mask));
  return all.reduce((best, each) => (runs(each) < runs(best) ? each : best));
}

/**
 * Data and correction, as they lie in the code.
 * @param {number[]} bytes
 * @param {number[]} version
 */
function codewords(bytes, [size, count, correcting]) {
  const nibbles = [4, bytes.length >> 4, bytes.length & 15, ...bytes.flatMap((byte) => [byte >> 4, byte & 15]), 0];
  const data = Array.from({ length: size }, (_, index) =>
    2 * index < nibbles.length ? nibbles[2 * index] * 16 + nibbles[2 * index + 1] : (index - nibbles.length / 2) % 2 ? 17 : 236,
  );
  const each = size / count;
  const blocks = Array.from({ length: count }, (_, index) => data.slice(index * each, (index + 1) * each));
  const corrections = blocks.map((block) => remainder(block, correcting));
  const woven = (/** @type {number[][]} */ lists) => lists[0].flatMap((_, index) => lists.map((list) => list[index]));
  return [...woven(blocks), ...woven(corrections)];
}

/**
 * A product in GF(256), modulo x⁸ + x⁴ + x³ + x² + 1.
 * @param {number} one
 * @param {number} other
 */
function times(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((other >> bit) & 1) * one);
  return product;
}

/**
 * Reed and Solomon's correction of a block.
 * @param {number[]} block
 * @param {number} degree
 */
function remainder(block, degree) {
  const divisor = [...Array(degree - 1).fill(0), 1];
  let root = 1;
  for (let step = 0; step < degree; step++) {
    for (let at = 0; at < degree; at++) divisor[at] = times(divisor[at], root) ^ (divisor[at + 1] ?? 0);
    root = times(root, 2);
  }
  const rest = Array(degree).fill(0);
  for (const byte of block) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((each, at) => (rest[at] ^= times(each, factor)));
  }
  return rest;
}

/**
 * @param {number} version
 * @param {number[]} stream
 * @param {number} mask
 */
function drawn(version, stream, mask) {
  const size = 17 + 4 * version;
  const rows = Array.from({ length: size }, () => Array(size).fill(false));
  const fixed = Array.from({ length: size }, () => Array(size).fill(false));
  const set = (/** @type {number} */ x, /** @type {number} */ y, /** @type {unknown} */ dark) => {
    if (rows[y]?.[x] === undefined) return;
    rows[y][x] = Boolean(dark);
    fixed[y][x] = true;
  };
  /** @type {(x: number, y: number, reach: number, dark: (far: number) => boolean) => void} */
  const square = (x, y, reach, dark) => {
    for (let down = -reach; down <= reach; down++)
      for (let right = -reach; right <= reach; right++)
        set(x + right, y + down, dark(Math.max(Math.abs(down), Math.abs(right))));
  };
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, (far) => far !== 2 && far !== 4);
  if (version > 1) square(size - 7, size - 7, 2, (far) => far !== 1);
  format(size, mask, set);
  let bit = 0;
  for (let right = size - 1; right > 0; right -= right === 8 ? 3 : 2) {
    for (let step = 0; step < size; step++) {
      for (const x of [right, right - 1]) {
        const y = (right > 6 ? right + 1 : right + 2) & 2 ? step : size - 1 - step;
        if (fixed[y][x]) continue;
        const dark = bit < stream.length * 8 && (stream[bit >> 3] >> (7 - (bit & 7))) & 1;
        bit += 1;
        rows[y][x] = Boolean(dark) !== (MASKS[mask](x, y) === 0);
      }
    }
  }
  return rows;
}

/**
 * The level of correction and the mask, twice, and the square that is always dark.
 * @param {number} size
 * @param {number} mask
 * @param {(x: number, y: number, dark: unknown) => void} set
 */
function format(size, mask, set) {
  let rest = mask;
  for (let step = 0; step < 10; step++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((mask << 10) | rest) ^ 0x5412;
  for (let at = 0; at < 15; at++) {
    const dark = (bits >> at) & 1;
    if (at < 8) set(8, at < 6 ? at : at + 1, dark);
    else set(at < 9 ? 7 : 14 - at, 8, dark);
    if (at < 8) set(size - 1 - at, 8, dark);
    else set(8, size - 15 + at, dark);
  }
  set(8, size - 8, true);
}

/**
 * How much of a code looks alike, in rows and columns: the less, the better it is read.
 * @param {boolean[][]} rows
 */
function runs(rows) {
  const lines = [...rows, ...rows.map((_, x) => rows.map((row) => row[x]))];
  const text = lines.map((line) => line.map(Number).join("")).join(" ");
  return [...text.matchAll(/0{5,}|1{5,}/g)].reduce((sum, [run]) => sum + run.length - 2, 0);
}
