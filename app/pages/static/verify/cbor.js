// The little of CBOR (RFC 8949) that an offline QR may be written with: numbers, bytes, texts, lists, maps, true.

import { Malformed, bytesOf, joined, sameBytes, textOf } from "./strict.js";

const DEEPEST = 4;

/** Reads one value that is written in the one deterministic way (4.2.1), and nothing behind it. */
export function decode(bytes) {
  let place = 0;

  function take(count) {
    if (place + count > bytes.length) throw new Malformed("CBOR that is cut off");
    place += count;
    return bytes.subarray(place - count, place);
  }

  function number(low) {
    if (low < 24) return low;
    if (low > 27) throw new Malformed("no definite length");
    const read = take(2 ** (low - 24)).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (read > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed("a number that is too large");
    return Number(read);
  }

  function value(depth) {
    if (depth > DEEPEST) throw new Malformed("nested too deeply");
    const [head] = take(1);
    if (head === 0xf5) return true;
    const length = number(head & 31);
    switch (head >> 5) {
      case 0: return length;
      case 1: return -1 - length;
      case 2: return take(length).slice();
      case 3: return textOf(take(length));
      case 4: return Array.from({ length: within(length) }, () => value(depth + 1));
      case 5: return map(within(length), depth);
      default: throw new Malformed("a tag, a fraction or a word that has no place here");
    }
  }

  function within(length) {
    if (length > bytes.length) throw new Malformed("more members than bytes");
    return length;
  }

  function map(length, depth) {
    const members = new Map();
    for (let count = 0; count < length; count += 1) {
      const key = value(depth + 1);
      if (!Number.isInteger(key) || members.has(key)) throw new Malformed("a key given twice, or of a wrong kind");
      members.set(key, value(depth + 1));
    }
    return members;
  }

  const read = value(0);
  if (place !== bytes.length || !sameBytes(encode(read), bytes)) {
    throw new Malformed("CBOR that goes on, or could be written otherwise");
  }
  return read;
}

/** Writes a value deterministically: shortest numbers, keys in the order of their bytes. */
export function encode(value) {
  if (value === true) return Uint8Array.of(0xf5);
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string") return withHead(3, bytesOf(value));
  if (value instanceof Uint8Array) return withHead(2, value);
  if (Array.isArray(value)) return joined(head(4, value.length), ...value.map(encode));
  const members = [...value].map(([key, held]) => [encode(key), encode(held)]);
  members.sort(([one], [other]) => inOrder(one, other));
  return joined(head(5, members.length), ...members.flat());
}

const withHead = (kind, content) => joined(head(kind, content.length), content);

function head(kind, number) {
  const lead = kind << 5;
  if (number < 24) return Uint8Array.of(lead | number);
  const low = number < 2 ** 8 ? 0 : number < 2 ** 16 ? 1 : number < 2 ** 32 ? 2 : 3;
  const written = new Uint8Array(1 + 2 ** low);
  written[0] = lead | (24 + low);
  let rest = BigInt(number);
  for (let place = written.length - 1; place > 0; place -= 1, rest >>= 8n) written[place] = Number(rest & 255n);
  return written;
}

function inOrder(one, other) {
  for (let place = 0; place < Math.min(one.length, other.length); place += 1) {
    if (one[place] !== other[place]) return one[place] - other[place];
  }
  return one.length - other.length;
}
