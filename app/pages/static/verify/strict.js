// The strict reading that stands in front of everything: a meaning has one text, all else is malformed.

export class Malformed extends Error {}

const MOST_DEPTH = 32;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const bytesOf = (text) => new TextEncoder().encode(text);

export function textOf(bytes) {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Malformed("not UTF-8");
  }
}

export function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

export function encode64(bytes) {
  return standard64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function standard64(bytes) {
  let text = "";
  for (let place = 0; place < bytes.length; place += 4096) {
    text += String.fromCharCode(...bytes.subarray(place, place + 4096));
  }
  return btoa(text);
}

/** Reads base64url in its one canonical form: browsers forgive spare bits, so it is written again. */
export function decode64(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new Malformed("not base64url");
  const content = unpacked64(text.replaceAll("-", "+").replaceAll("_", "/"));
  if (encode64(content) !== text) throw new Malformed("base64url that is not canonical");
  return content;
}

export function decodeStandard64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Malformed("not base64");
  const content = unpacked64(text);
  if (standard64(content) !== text) throw new Malformed("base64 that is not canonical");
  return content;
}

function unpacked64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new Malformed("not base64");
  }
}

/** Reads a JSON object, and tells whether it stands there as we write ours: compact, each member once. */
export function readObject(bytes, limit) {
  if (bytes.length > limit) throw new Malformed("too much JSON");
  const text = textOf(bytes);
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Malformed("not JSON");
  }
  if (!isShallow(content)) throw new Malformed("JSON nested too deeply");
  if (!isObject(content)) throw new Malformed("JSON that is not an object");
  return { content, canonical: JSON.stringify(content) === text };
}

function isShallow(content) {
  let level = [content];
  for (let depth = 0; depth < MOST_DEPTH; depth += 1) {
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));
    if (level.length === 0) return true;
  }
  return false;
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isText = (value) => typeof value === "string" && value.length > 0 && value.length <= 4096;
export const isWhole = (value) => Number.isSafeInteger(value) && value >= 0;

export function need(holds, otherwise) {
  if (!holds) throw new Malformed(otherwise);
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
