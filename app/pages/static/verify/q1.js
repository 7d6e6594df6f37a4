// The offline QR, "Q1": digits = the decimal of 0x01 and an untagged COSE_Sign1 (RFC 9052, 4.2).

import { decode, encode } from "./cbor.js";
import { bytesOf, encode64, isText, isWhole, need } from "./strict.js";

const MOST_BYTES = 1024;
const MOST_DIGITS = 2467;
const VERSION = 1;
const ALG = 1, KID = 4, ES256 = -7; // header parameters, RFC 9052, 3.1
const ISSUER = 1, EXPIRES = 4, BEGINS = 5, ID = 7, OURS = -70_000; // claims, RFC 8392, 4, and our own
const NAME = 1, SCHEME = 2, PLACE = 3, TEST = 4; // inside our own
const LATEST = 253_370_764_799; // the last second of the year 9998
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n; // of P-256

export const looksLikeOne = (text) => /^[1-9][0-9]{20,}$/.test(text);

/** Takes an offline QR apart. Nothing in it is true before its signature verified. */
export function read(digits) {
  need(/^[1-9][0-9]*$/.test(digits) && digits.length <= MOST_DIGITS, "not the digits of an offline QR");
  const whole = bytesOfDigits(digits);
  need(whole[0] === VERSION && whole.length <= MOST_BYTES, "another version, or too long");
  const parts = decode(whole.subarray(1));
  need(Array.isArray(parts) && parts.length === 4, "not a COSE_Sign1");
  const [guarded, unguarded, payload, signature] = parts;
  need(unguarded instanceof Map && unguarded.size === 0, "an unprotected header");
  need(isBytes(guarded) && isBytes(payload) && isBytes(signature, 64), "not a COSE_Sign1");
  need(2n * numberOf(signature.subarray(32)) <= ORDER, "a signature with the larger of its two numbers");
  return {
    kid: encode64(kidOf(guarded)),
    says: contentOf(payload),
    signed: encode(["Signature1", guarded, bytesOf("QCV1"), payload]),
    signature,
  };
}

function bytesOfDigits(digits) {
  const hex = BigInt(digits).toString(16);
  const even = hex.length % 2 ? `0${hex}` : hex;
  return Uint8Array.from(even.match(/../g), (pair) => Number.parseInt(pair, 16));
}

const numberOf = (bytes) => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
const isBytes = (value, length) => value instanceof Uint8Array && (length === undefined || value.length === length);

function kidOf(guarded) {
  const header = members(decode(guarded), [ALG, KID]);
  need(header.get(ALG) === ES256 && isBytes(header.get(KID), 8), "anything but ES256 and the name of a key");
  return header.get(KID);
}

function members(map, needed, allowed = []) {
  need(map instanceof Map && needed.every((key) => map.has(key)), "members are lacking");
  need([...map.keys()].every((key) => needed.includes(key) || allowed.includes(key)), "members that are not ours");
  return map;
}

function contentOf(payload) {
  const claims = members(decode(payload), [ISSUER, EXPIRES, BEGINS, ID, OURS]);
  const ours = members(claims.get(OURS), [SCHEME, PLACE], [NAME, TEST]);
  const place = ours.get(PLACE);
  need(Array.isArray(place) && place.length === 2 && place.every(isWhole), "a place that is not two numbers");
  need(isWhole(claims.get(ISSUER)) && isBytes(claims.get(ID), 16), "no issuer, or no id");
  const [begins, expires] = [claims.get(BEGINS), claims.get(EXPIRES)];
  need([begins, expires].every((instant) => isWhole(instant) && instant <= LATEST), "no dates");
  need(isText(ours.get(SCHEME)) && (!ours.has(NAME) || isText(ours.get(NAME))), "a text that is none");
  need(!ours.has(TEST) || ours.get(TEST) === true, "a mark that is not one");
  return {
    issuer: claims.get(ISSUER),
    begins,
    expires,
    name: ours.get(NAME) ?? null,
    scheme: ours.get(SCHEME),
    list: place[0],
    index: place[1],
    test: ours.has(TEST),
  };
}
