// The keys that this site publishes, and whom they may speak for.

import { opened } from "./jose.js";
import { Malformed, bytesOf, isObject, isWhole, need, readObject } from "./strict.js";

const MOST = 2 ** 20;
const KEPT = 7 * 24 * 3600; // seconds for which a device may go on with the keys that it once took

export const JWKS = "/.well-known/jwks.json";
export const QR_KEYS = "/.well-known/qr-keys";

/** Makes the keyring of what was fetched; without the key set there is none, without the QR keys none for QRs. */
export async function keyring(site, fetched, now) {
  const set = fetched.jwks && published(fetched.jwks);
  if (!set) return null;
  const inSlot = (slot) => (kid) => set.find((key) => key.slot === slot && thumbprint(key.kid) === thumbprint(kid)) ?? null;
  const ring = {
    did: set.length ? set[0].kid.split("#")[0] : "",
    address: (path) => site + path,
    named: (kid) => set.find((key) => thumbprint(key.kid) === thumbprint(kid)) ?? null,
    sealKey: inSlot("seal"),
    statusKey: inSlot("status"),
    qr: null,
  };
  ring.qr = fetched.qrKeys ? await qrKeys(fetched.qrKeys, ring, now) : null;
  return ring;
}

// A thumbprint is the key itself in short: what stands before it adds nothing.
const thumbprint = (kid) => kid.split("#").at(-1).split("/").at(-1);

function published({ text, age }) {
  if (age > KEPT) return null;
  try {
    const { keys } = readObject(bytesOf(text), MOST).content;
    need(Array.isArray(keys) && keys.every((key) => isObject(key) && typeof key.kid === "string"), "not a key set");
    return keys;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return null;
  }
}

/** Reads the list of QR keys, which counts only under a seal of the same site, and until its end. */
async function qrKeys({ text }, ring, now) {
  try {
    const { iss, exp, keys, issuers, schemes } = await opened(text, "JWT", ring.sealKey, MOST);
    need(iss === ring.did && isWhole(exp) && exp > now, "the list of somebody else, or one that has ended");
    need([keys, issuers, schemes].every((list) => Array.isArray(list) && list.every(isObject)), "not a list of keys");
    return { keys, issuers, schemes };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return null;
  }
}
