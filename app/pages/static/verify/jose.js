// Compact JWS (RFC 7515, 7.1), read strictly and verified with the algorithm that the key has.

import {
  bytesOf, decode64, decodeStandard64, encode64, isWhole, need, readObject, sha256,
} from "./strict.js";

const MOST_HEADER = 16 * 1024;
const MOST_SIGNATURE = 512;
const MOST_CERTIFICATES = 6;

// A header carries what its format allows and nothing else; no address in it is ever followed.
const ALLOWED = {
  "vc+jwt": ["alg", "kid", "typ", "cty", "x5c", "x5t#S256", "iat"],
  "statuslist+jwt": ["alg", "kid", "typ", "x5c", "x5t#S256"],
  JWT: ["alg", "kid", "typ", "x5c", "x5t#S256"],
};
// A badge has the same type and brings no certificates, so that none passes for a list of keys.
const NEEDED = { JWT: ["x5c", "x5t#S256"] };

const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const isString = (value) => typeof value === "string";
const imported = new WeakMap();

/** Splits a token, or gives null where it is none. */
export function split(text) {
  const parts = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(text);
  return parts && { head: parts[1], body: parts[2], seal: parts[3] };
}

/** Reads a protected header through the allow-list of the one format that is expected. */
export async function readHeader(head, typ) {
  const { content: header, canonical } = readObject(decode64(head), MOST_HEADER);
  need(canonical && header.typ === typ, "a header that is not written as ours, or of another format");
  need(Object.keys(header).every((name) => ALLOWED[typ].includes(name)), "a member that this format does not allow");
  need((NEEDED[typ] ?? []).every((name) => name in header), "a member that this format needs");
  need(["ES256", "RS256"].includes(header.alg), "an algorithm that we do not use");
  need(typeof header.kid === "string" && /^[!-~]{1,512}$/.test(header.kid), "no name of a key");
  need(header.cty === undefined || header.cty === "vc", "content of another kind");
  need(header.iat === undefined || isWhole(header.iat), "a time that is none");
  await checkCertificates(header.x5c, header["x5t#S256"]);
  return header;
}

async function checkCertificates(x5c, digest) {
  if (x5c === undefined) return need(digest === undefined, "a digest of nothing");
  need(Array.isArray(x5c) && x5c.length > 0 && x5c.length <= MOST_CERTIFICATES && x5c.every(isString), "no certificates");
  const certificates = x5c.map(decodeStandard64);
  if (digest !== undefined) need(digest === encode64(await sha256(certificates[0])), "a digest of something else");
}

/** Tells whether the key that a header names signed this token. */
export async function verified(parts, header, key) {
  const signature = decode64(parts.seal);
  need(signature.length <= MOST_SIGNATURE, "a signature longer than any we know");
  return header.alg === algorithmOf(key) && verify(bytesOf(`${parts.head}.${parts.body}`), signature, key);
}

const algorithmOf = (key) => (key.kty === "RSA" ? "RS256" : "ES256");

/** Tells whether a key signed these bytes. The key decides the algorithm. */
export async function verify(signed, signature, key) {
  const how = algorithmOf(key) === "RS256" ? RS256 : ES256;
  if (!imported.has(key)) imported.set(key, await crypto.subtle.importKey("jwk", publicMembers(key), how, false, ["verify"]));
  return crypto.subtle.verify(how, imported.get(key), signature, signed);
}

function publicMembers({ kty, n, e, crv, x, y }) {
  if (kty === "RSA") return { kty, n, e };
  need(kty === "EC" && crv === "P-256", "a key of a kind that we do not use");
  return { kty, crv, x, y };
}

/** Opens a token of ours that is no credential: its header, its key and its signature must all be right. */
export async function opened(text, typ, keyNamed, limit) {
  const parts = split(text.trim());
  need(parts && text.length <= limit, "not a token, or too long");
  const header = await readHeader(parts.head, typ);
  const key = keyNamed(header.kid);
  need(key, "a key that is not ours, or is for something else");
  need(await verified(parts, header, key), "a signature that does not match");
  return readObject(decode64(parts.body), limit).content;
}
