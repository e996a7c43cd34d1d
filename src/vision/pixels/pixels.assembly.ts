// AssemblyScript, not TypeScript: scripts/pixels.ts compiles it to pixels.wasm, which pixel-kernel.ts loads. Sums of whole
// numbers are exact, so each function says bit for bit what a plain loop over the pixels would. Where a row's end is no
// multiple of 16 pixels, more is read and weighed by nothing: behind each picture there is room of SPARE bytes.

/** From (this - n) on, 16 bytes: n are 255, the rest 0. */
const EDGE: usize =
  memory.data<u8>([
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
  ]) + 16;

/** Sums of squares of so many times 16 grey levels stay within 31 bits in each of four lanes. */
const STRETCH: i32 = 4096;

/** Grey levels from here on are saturated. */
const SATURATED: u8 = 250;

function total(lanes: v128): i64 {
  return (
    (i32x4.extract_lane(lanes, 0) as i64) +
    (i32x4.extract_lane(lanes, 1) as i64) +
    (i32x4.extract_lane(lanes, 2) as i64) +
    (i32x4.extract_lane(lanes, 3) as i64)
  );
}

/** Four sums of 16 grey levels. */
function sums(levels: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(levels));
}

/** Four sums of the squares of 16 grey levels. */
function squares(levels: v128): v128 {
  const low = i16x8.extend_low_i8x16_u(levels);
  const high = i16x8.extend_high_i8x16_u(levels);
  return i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high));
}

/** 16 grey levels, those from `left` on taken as 0. */
function first(at: usize, left: i32): v128 {
  const levels = v128.load(at);
  return left >= 16 ? levels : v128.and(levels, v128.load(EDGE - (left as usize)));
}

/** 36/219, what limited-range luma is spread by (ITU-R BT.601: 16..235 to 0..255), in 1/32768. */
const LUMA_SPREAD: i16 = 5387;

/** Eight limited-range luma values as full-range ones: v - 16 + (v - 16) x 36/219, rounded. */
function spread(values: v128): v128 {
  const above = i16x8.sub(values, i16x8.splat(16));
  return i16x8.add(above, i16x8.q15mulr_sat_s(above, i16x8.splat(LUMA_SPREAD)));
}

/** Lays luma that stands 1 or 2 bytes apart side by side, and makes it full range where it is limited. */
export function packLuma(from: usize, step: i32, count: i32, limited: i32, to: usize): void {
  let source = from;
  let target = to;
  for (let left = count; left > 0; left -= 16) {
    const here = v128.load(source);
    const values =
      step === 1
        ? here
        : i8x16.shuffle(
            here,
            v128.load(source, 16),
            0,
            2,
            4,
            6,
            8,
            10,
            12,
            14,
            16,
            18,
            20,
            22,
            24,
            26,
            28,
            30,
          );
    if (limited) {
      const low = spread(i16x8.extend_low_i8x16_u(values));
      const high = spread(i16x8.extend_high_i8x16_u(values));
      v128.store(target, i8x16.narrow_i16x8_u(low, high));
    } else {
      v128.store(target, values);
    }
    source += (16 * step) as usize;
    target += 16;
  }
}

/** Lays `count` values that stand `step` bytes apart side by side, each as `table` (256 bytes) has it. */
export function pack(from: usize, step: i32, count: i32, table: usize, to: usize): void {
  let source = from;
  let target = to;
  for (let index = 0; index < count; index++) {
    store<u8>(target, load<u8>(table + (load<u8>(source) as usize)));
    source += step as usize;
    target += 1;
  }
}

/**
 * Bilinear: each target pixel from two neighbours in two rows.
 * @param columns i32 for each target column: the left neighbour; so many that they are a multiple of 4
 * @param weights two i16 for each target column: of the left neighbour and of the right one, together 2048
 * @param rows three i32 for each target row: where its upper and its lower row begin in `from`, and the weight of the lower
 * one, 0..2048
 */
export function resize(
  from: usize,
  columns: usize,
  weights: usize,
  rows: usize,
  width: i32,
  height: i32,
  to: usize,
): void {
  let row = rows;
  let target = to;
  const half = i32x4.splat(1 << 21);
  const zero = i32x4.splat(0);
  for (let y = 0; y < height; y++) {
    const upper = from + (load<i32>(row) as usize);
    const lower = from + (load<i32>(row, 4) as usize);
    const lowerWeight = load<i32>(row, 8);
    const below = i32x4.splat(lowerWeight);
    const above = i32x4.splat(2048 - lowerWeight);
    row += 12;
    let column = columns;
    let weight = weights;
    for (let x = 0; x < width; x += 4) {
      const a = load<i32>(column) as usize;
      const b = load<i32>(column, 4) as usize;
      const c = load<i32>(column, 8) as usize;
      const d = load<i32>(column, 12) as usize;
      const pairs = v128.load(weight);
      let tops = v128.load16_lane(upper + a, zero, 0);
      tops = v128.load16_lane(upper + b, tops, 1);
      tops = v128.load16_lane(upper + c, tops, 2);
      tops = v128.load16_lane(upper + d, tops, 3);
      let bottoms = v128.load16_lane(lower + a, zero, 0);
      bottoms = v128.load16_lane(lower + b, bottoms, 1);
      bottoms = v128.load16_lane(lower + c, bottoms, 2);
      bottoms = v128.load16_lane(lower + d, bottoms, 3);
      const top = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(tops), pairs);
      const bottom = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(bottoms), pairs);
      const both = i32x4.add(i32x4.mul(top, above), i32x4.mul(bottom, below));
      const levels = i32x4.shr_s(i32x4.add(both, half), 22);
      const words = i16x8.narrow_i32x4_s(levels, levels);
      // The last of a row may reach into the next, which is written after it.
      v128.store32_lane(target + (x as usize), i8x16.narrow_i16x8_u(words, words), 0);
      column += 16;
      weight += 16;
    }
    target += width as usize;
  }
}

/** Sum and sum of squares of grey levels, two f64. */
export function moments(grey: usize, count: i32, into: usize): void {
  let at = grey;
  let sum: i64 = 0;
  let square: i64 = 0;
  let left = count;
  while (left > 0) {
    let sumLanes = i32x4.splat(0);
    let squareLanes = i32x4.splat(0);
    for (let turn = 0; turn < STRETCH && left > 0; turn++) {
      const levels = first(at, left);
      sumLanes = i32x4.add(sumLanes, sums(levels));
      squareLanes = i32x4.add(squareLanes, squares(levels));
      at += 16;
      left -= 16;
    }
    sum += total(sumLanes);
    square += total(squareLanes);
  }
  store<f64>(into, sum as f64);
  store<f64>(into, square as f64, 8);
}

/** The four bytes of `table` for each grey level. */
export function look(grey: usize, count: i32, table: usize, to: usize): void {
  let index = 0;
  for (; index + 4 <= count; index += 4) {
    const levels = load<u32>(grey + (index as usize));
    const at = to + ((index << 2) as usize);
    store<u32>(at, load<u32>(table + (((levels & 255) << 2) as usize)));
    store<u32>(at, load<u32>(table + ((((levels >> 8) & 255) << 2) as usize)), 4);
    store<u32>(at, load<u32>(table + ((((levels >> 16) & 255) << 2) as usize)), 8);
    store<u32>(at, load<u32>(table + (((levels >> 24) << 2) as usize)), 12);
  }
  for (; index < count; index++) {
    const level = load<u8>(grey + (index as usize)) as usize;
    store<u32>(to + ((index << 2) as usize), load<u32>(table + (level << 2)));
  }
}

/** |4 x here - left - right - above - below| of eight pixels. */
function bend(at: usize, width: usize): v128 {
  const here = i16x8.shl(v128.load8x8_u(at), 2);
  const beside = i16x8.add(v128.load8x8_u(at - 1), v128.load8x8_u(at + 1));
  const over = i16x8.add(v128.load8x8_u(at - width), v128.load8x8_u(at + width));
  return i16x8.abs(i16x8.sub(i16x8.sub(here, beside), over));
}

/** Sum of the absolute 4-neighbour Laplacian over the inner pixels; 0 where there are none. */
export function bends(grey: usize, width: i32, height: i32): f64 {
  let sum: i64 = 0;
  for (let y = 1; y < height - 1; y++) {
    let at = grey + ((y * width + 1) as usize);
    let left = width - 2;
    let lanes = i32x4.splat(0);
    for (; left >= 8; left -= 8) {
      lanes = i32x4.add(lanes, i32x4.extadd_pairwise_i16x8_s(bend(at, width as usize)));
      at += 8;
    }
    if (left > 0) {
      const edge = v128.load8x8_s(EDGE - (left as usize));
      lanes = i32x4.add(lanes, i32x4.extadd_pairwise_i16x8_s(v128.and(bend(at, width as usize), edge)));
    }
    sum += total(lanes);
  }
  return sum as f64;
}

/** Sum, sum of squares and number of saturated pixels of each block of a grid, three f64 for each. */
export function blocks(grey: usize, width: i32, height: i32, grid: i32, into: usize): void {
  let figures = into;
  for (let row = 0; row < grid; row++) {
    const top = (row * height) / grid;
    const bottom = ((row + 1) * height) / grid;
    for (let column = 0; column < grid; column++) {
      const begin = (column * width) / grid;
      const end = ((column + 1) * width) / grid;
      let sum: i64 = 0;
      let square: i64 = 0;
      let saturated: i64 = 0;
      for (let y = top; y < bottom; y++) {
        let at = grey + ((y * width + begin) as usize);
        let sumLanes = i32x4.splat(0);
        let squareLanes = i32x4.splat(0);
        for (let left = end - begin; left > 0; left -= 16) {
          const levels = first(at, left);
          sumLanes = i32x4.add(sumLanes, sums(levels));
          squareLanes = i32x4.add(squareLanes, squares(levels));
          saturated += popcnt<i32>(i8x16.bitmask(i8x16.ge_u(levels, i8x16.splat(SATURATED)))) as i64;
          at += 16;
        }
        sum += total(sumLanes);
        square += total(squareLanes);
      }
      store<f64>(figures, sum as f64);
      store<f64>(figures, square as f64, 8);
      store<f64>(figures, saturated as f64, 16);
      figures += 24;
    }
  }
}

/** Sum of the absolute differences of two pictures. */
export function differences(grey: usize, before: usize, count: i32): f64 {
  let at = grey;
  let earlier = before;
  let sum: i64 = 0;
  let left = count;
  while (left > 0) {
    let lanes = i32x4.splat(0);
    for (let turn = 0; turn < STRETCH && left > 0; turn++) {
      const one = first(at, left);
      const other = first(earlier, left);
      lanes = i32x4.add(lanes, sums(i8x16.sub(i8x16.max_u(one, other), i8x16.min_u(one, other))));
      at += 16;
      earlier += 16;
      left -= 16;
    }
    sum += total(lanes);
  }
  return sum as f64;
}
