// What a document proves by itself: its form, its seal, and whose key made it. Values in, values out.

import { contentOf } from "./credential.js";
import { readHeader, split, verified, verify } from "./jose.js";
import * as q1 from "./q1.js";
import { Malformed, decode64, isObject, readObject } from "./strict.js";

const MOST_TOKEN = 64 * 1024;
// A device holds no proof of when a seal was applied, so since when its key is lost does not matter here.
const COMPROMISED = "issuer-key-compromised";

const unproven = (format, integrity = null) => ({ format, integrity, says: null });
const proven = (says, trust) => ({ format: "format-read", integrity: "seal-intact", says, trust });

/** Turns what is malformed into a finding; whatever else goes wrong is a defect, and no answer. */
async function finding(code, step) {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return unproven(code);
  }
}

/** Examines an offline QR against the sealed list of QR keys. */
export function examineQr(digits, keyring, now) {
  return finding("format-unreadable", async () => {
    const { kid, says, signed, signature } = q1.read(digits);
    const lost = keyring?.qr?.compromised.find((key) => key.kid === kid);
    const listed = lost ?? keyring?.qr?.keys.find((key) => key.kid === kid);
    if (!listed) return unproven("format-read", "key-unavailable");
    if (!(await verify(signed, signature, listed.jwk))) return unproven("format-read", "seal-broken");
    const [told, trust] = fromLists(says, listed, keyring, now);
    return proven(told, lost ? COMPROMISED : trust);
  });
}

/** Fills in what the sealed list knows of the issuer and the scheme that a QR names by their codes. */
function fromLists(says, listed, { did, qr: { issuers, schemes } }, now) {
  const issuer = issuers.find((each) => each.code === says.issuer);
  const scheme = schemes.find((each) => each.code === says.scheme);
  const trust = !issuer ? "issuer-code-unknown" : trustIn(listed, says.issuer, now);
  const title = scheme?.title ?? { it: says.scheme, en: says.scheme };
  return [
    {
      ...says,
      number: null,
      issuer: issuer?.name ?? did,
      body: says.issuer,
      title,
      standard: scheme?.standard ?? "",
      wording: scheme?.wording ?? { it: "", en: "" },
      test: says.test || listed.development === true || issuer?.mode === "test",
      from: iso(says.begins),
      until: iso(says.expires),
      offered: true,
      short: true,
    },
    trust,
  ];
}

/** Judges a listed key for the body that is named: one body's own key vouches for no other. */
function trustIn(listed, code, now) {
  if ((listed.issuer_code ?? code) !== code) return "issuer-key-misused";
  return listed.exp > now ? "issuer-trusted" : "issuer-listed";
}

const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/** Tells whether a text is a `vc+jwt` that one of this site's keys is said to have made, and in no other name. */
export function isOurToken(text, keyring) {
  const parts = split(text);
  const { typ, kid } = contentIn(parts?.head ?? "");
  if (typ !== "vc+jwt" || typeof kid !== "string" || keyring.named(kid) === null) return false;
  const { issuer } = contentIn(parts.body);
  const issuerId = isObject(issuer) ? issuer.id : issuer;
  return typeof issuerId !== "string" || issuerId === keyring.did; // what names nobody is no more elsewhere
}

function contentIn(part) {
  try {
    return readObject(decode64(part), MOST_TOKEN).content;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return {};
  }
}

/** Examines a `vc+jwt` of ours. */
export async function examineToken(text, keyring) {
  const parts = split(text);
  if (!parts || text.length > MOST_TOKEN) return unproven("format-unreadable");
  let header;
  const refused = await finding("format-refused", async () => {
    header = await readHeader(parts.head, "vc+jwt");
    return null;
  });
  if (refused) return refused;
  return finding("format-unreadable", async () => {
    const { content, canonical } = readObject(decode64(parts.body), MOST_TOKEN);
    const key = keyring.named(header.kid);
    const read = contentOf(content, keyring.address(""));
    if (!key) return unproven("format-read", "key-unavailable");
    if (!(await verified(parts, header, key))) return unproven("format-read", "seal-broken");
    if (!canonical) return unproven("format-unreadable");
    const says = { ...inBoth(read, keyring), body: bodyOf(read, key, keyring) };
    if (keyring.isCompromised(key)) return proven(says, COMPROMISED);
    return proven(says, trustAs(says, key, keyring));
  });
}

/**
 * Judges a seal for the name that a document is in: this site's keyring vouches for no other, those included that the
 * installation's key speaks in elsewhere; and a body's own key, published where the body issues, has no other. Bodies at
 * one address share its name there: under its own key, each has to be called as the sealed list calls it.
 */
function trustAs(says, key, { did, qr }) {
  const here = says.issuerId === did;
  if (key.slot !== "seal" || (!here && isOwn(key))) return "issuer-key-misused";
  const isCalledSo = (each) => each.code === key.issuer_code && each.name === says.issuer;
  return here && (!isOwn(key) || !qr || qr.issuers.some(isCalledSo)) ? "issuer-trusted" : "issuer-unknown";
}

const isOwn = (key) => (key.issuer_code ?? null) !== null;

/** Tells whose a document is, by the number of the body; under the installation's key by a name that one body has. */
function bodyOf(says, key, { qr }) {
  if (isOwn(key)) return key.issuer_code;
  const called = qr?.issuers.filter((each) => each.name === says.issuer) ?? [];
  return called.length === 1 ? called[0].code : null;
}

/** A document says both languages in one text; the sealed list has them apart, where it knows the scheme. */
function inBoth(says, { qr }) {
  const both = (text) => ({ it: text, en: text });
  const scheme = qr?.schemes.find((each) => each.code === says.scheme);
  const { title = both(says.title), wording = both(says.wording) } = scheme ?? {};
  return { ...says, title, wording, short: false };
}
