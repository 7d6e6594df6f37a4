// The content of a `vc+jwt` of ours: what it says, once it could be read. Whether it is true is for the checks.

import { isObject, isText, isWhole, need } from "./strict.js";

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
const ENTRY = /^\/status\/(\d{1,10})-(revocation|suspension)$/;
const NUMBER = "ext:credentialNumber";
const TEST = "TEST \u2013 ";
const listed = (value) => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

export function contentOf(payload, site) {
  const { "@context": context, type, issuer, credentialSubject, name, description } = payload;
  need(!("vc" in payload) && !("vp" in payload), "a credential inside a claim");
  need(listed(context)[0] === "https://www.w3.org/ns/credentials/v2", "not of the data model 2.0");
  need(listed(type).includes("VerifiableCredential"), "no credential");
  need(!listed(type).includes("BitstringStatusListCredential"), "a status list");
  const [subject, ...others] = listed(credentialSubject);
  need(others.length === 0 && isObject(subject) && isObject(issuer), "not about one person by one body");
  need([issuer.id, payload.id, subject.id].every(isText), "an id is lacking");
  for (const [said, repeated] of [[issuer.id, payload.iss], [payload.id, payload.jti], [subject.id, payload.sub]]) {
    need(repeated === undefined || said === repeated, "a claim that contradicts the credential");
  }
  const [first] = listed(subject.achievement?.alignment);
  return {
    issuer: typeof issuer.name === "string" ? issuer.name : issuer.id,
    issuerId: issuer.id,
    begins: instant(payload.validFrom, payload.nbf),
    expires: instant(payload.validUntil, payload.exp),
    from: payload.validFrom,
    until: payload.validUntil,
    name: identified(subject, "name"),
    number: identified(subject, NUMBER),
    scheme: `${(identified(subject, NUMBER) ?? "").split("-")[0]}/${text(subject.achievement?.version)}`,
    title: text(subject.achievement?.name),
    standard: text(first?.targetFramework),
    wording: text(description),
    test: text(name).startsWith(TEST),
    ...placeOf(listed(payload.credentialStatus), site),
  };
}

const text = (value) => (typeof value === "string" ? value : "");

function instant(written, seconds) {
  need(typeof written === "string" && INSTANT.test(written) && isWhole(seconds), "no validity");
  need(Math.floor(Date.parse(written) / 1000) === seconds, "validity that is said twice and differently");
  return seconds;
}

function identified(subject, kind) {
  const said = listed(subject.identifier).filter((each) => isObject(each) && each.identityType === kind && each.hashed === false);
  const values = new Set(said.map((each) => each.identityHash));
  need(values.size <= 1, "a subject that is identified twice and differently");
  const [value] = values;
  need(value === undefined || isText(value), "a name that is no text");
  return value ?? null;
}

/** Finds the one place that every status entry means. The same place of our token list holds all four states. */
function placeOf(entries, site) {
  const places = entries.map((entry) => {
    need(isObject(entry) && isText(entry.statusListCredential), "a status that is none");
    const { statusListCredential: address, statusListIndex: index } = entry;
    need(typeof index === "string" && /^(0|[1-9][0-9]{0,9})$/.test(index), "a place that is none");
    const path = address.startsWith(site) ? ENTRY.exec(address.slice(site.length)) : null;
    return path ? { list: Number(path[1]), index: Number(index) } : null;
  });
  const [place] = places;
  const agree = places.every((each) => each && place && each.list === place.list && each.index === place.index);
  return { offered: places.length > 0, list: place && agree ? place.list : null, index: place && agree ? place.index : null };
}
