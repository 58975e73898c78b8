/** Half precision, in which Python keeps sentence vectors. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** `value` rounded to the nearest half-precision number, ties to even; infinite from 65,520 on. */
export function f16round(value: number): number {
  float[0] = value;
  const exponent = ((bits[0]! >>> 23) & 0xff) - 127;
  const unit = 2 ** (Math.max(exponent, -14) - 10); // distance of neighbours; subnormal below 2^-14
  const scaled = float[0]! / unit;
  const down = Math.floor(scaled), rest = scaled - down;
  const up = rest > 0.5 || (rest === 0.5 && down % 2 !== 0);
  const rounded = (up ? down + 1 : down) * unit;
  return Math.abs(rounded) > 65504 ? Math.sign(value) * Infinity : rounded;
}
