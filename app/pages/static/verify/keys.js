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
  const { keys, compromised } = set;
  const called = (kid) => (key) => thumbprint(key.kid) === thumbprint(kid);
  const inSlot = (slot) => (kid) => keys.find((key) => key.slot === slot && called(kid)(key)) ?? null;
  const ring = {
    did: [...keys, ...compromised][0]?.kid.split("#")[0] ?? "",
    address: (path) => site + path,
    named: (kid) => [...keys, ...compromised].find(called(kid)) ?? null,
    isCompromised: (key) => compromised.includes(key) || "revoked" in key,
    sealKey: inSlot("seal"),
    statusKey: (kid, body) => {
      const key = inSlot("status")(kid);
      return [null, body].includes(key?.issuer_code ?? null) ? key : null;
    },
    qr: null,
  };
  ring.qr = fetched.qrKeys ? await qrKeys(fetched.qrKeys, ring, now) : null;
  return ring;
}

// A thumbprint is the key itself in short: what stands before it adds nothing.
const thumbprint = (kid) => kid.split("#").at(-1).split("/").at(-1);

const isKey = (key) => isObject(key) && typeof key.kid === "string";

function published({ text, age }) {
  if (age > KEPT) return null;
  try {
    const { keys, compromised = [] } = readObject(bytesOf(text), MOST).content;
    need([keys, compromised].every((list) => Array.isArray(list) && list.every(isKey)), "not a key set");
    return { keys, compromised };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return null;
  }
}

/** Reads the list of QR keys, which counts only under a seal of the same site, and until its end. */
async function qrKeys({ text }, ring, now) {
  try {
    const { iss, exp, keys, compromised = [], issuers, schemes } = await opened(text, "JWT", ring.sealKey, MOST);
    need(iss === ring.did && isWhole(exp) && exp > now, "the list of somebody else, or one that has ended");
    const lists = [keys, compromised, issuers, schemes];
    need(lists.every((list) => Array.isArray(list) && list.every(isObject)), "not a list of keys");
    return { keys, compromised, issuers, schemes };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return null;
  }
}
