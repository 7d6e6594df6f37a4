// Token status lists (IETF): two bits for each document, taken whole, so that nobody learns which one is meant.

import { opened } from "./jose.js";
import { Malformed, decode64, isObject, isWhole, need } from "./strict.js";

const BITS = 2;
const MOST_TOKEN = 3 * 2 ** 20;
const MOST_BYTES = 2 ** 20; // once inflated: four million documents
const AHEAD = 10 * 60; // seconds by which the clocks of two machines may differ
export const STATES = ["active", "revoked", "suspended", "superseded"];

export const pathOf = (list) => `/status/${list}`;

/**
 * Reads one place of a list as it was fetched; gives the state, or the code of why there is none. A list under the own
 * key of another body than the document's does not count.
 */
export async function stateIn(fetched, place, keyring, now) {
  if (!fetched) return { code: "status-unreachable" };
  try {
    const keyNamed = (kid) => keyring.statusKey(kid, place.body);
    const claims = await opened(fetched.text, "statuslist+jwt", keyNamed, MOST_TOKEN);
    const { iss, sub, iat, exp, status_list: list } = claims;
    need(iss === keyring.did && sub === keyring.address(pathOf(place.list)), "the list of somebody else, or another one");
    need(isWhole(iat) && isWhole(exp) && isObject(list) && list.bits === BITS, "not a list of two bits");
    const when = { signedAt: iat };
    if (iat > now + AHEAD) return { code: "status-ahead", ...when };
    if (exp <= now) return { code: "status-too-old", ...when };
    const bytes = await inflated(decode64(list.lst), MOST_BYTES);
    need(place.index < (bytes.length * 8) / BITS, "a place outside the list");
    const value = (bytes[place.index >> 2] >> ((place.index & 3) * BITS)) & 3;
    return { state: STATES[value], ...when };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { code: "status-unreachable" };
  }
}

/** Inflates zlib and stops where it swells beyond what a list may be. */
export async function inflated(bytes, limit) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces = [];
  let length = 0;
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      length += piece.value.length;
      if (length > limit) throw new Malformed("a list that swells beyond its size");
      pieces.push(piece.value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error instanceof Malformed ? error : new Malformed("not a list that can be inflated");
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
