// The few things that are fetched, all of this site: keys and whole lists, never anything about one person.

const PATIENCE = 8000;
const BY_STATUS = { 413: "too-large", 429: "hurried", 503: "busy" }; // where a problem has no code of its own
const TOLERATED = 5 * 60; // seconds by which this device's clock may differ from the server's

/** How far this device's clock is from the server's, in seconds, as last seen; small differences are none. */
export let skew = 0;
/** Whether something came from the copy that the device keeps, since the network gave none. */
export let fromCopy = false;

export async function fetched(path) {
  try {
    const answer = await fetch(path, { cache: "no-cache", credentials: "omit", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) return null;
    const taken = Number(answer.headers.get("X-Taken-At"));
    const here = Date.now() / 1000;
    if (taken) fromCopy = true;
    else compare(Date.parse(answer.headers.get("Date")) / 1000, here);
    return { text: await answer.text(), age: taken ? here - taken : 0 };
  } catch {
    return null; // no network: a finding, not a defect
  }
}

export function forget() {
  fromCopy = false;
}

function compare(server, here) {
  if (Number.isFinite(server)) skew = Math.abs(here - server) > TOLERATED ? Math.round(here - server) : 0;
}

/** Sends a document to be verified by the service: only ever called once somebody agreed to it. */
export async function sent(content) {
  const form = new FormData();
  form.append("file", content, "document");
  try {
    const answer = await fetch("/v1/verifications", { method: "POST", body: form, credentials: "omit", cache: "no-store" });
    if (answer.ok) return { ok: true, content: await answer.json() };
    const { code = BY_STATUS[answer.status] } = await answer.json().catch(() => ({}));
    return { ok: false, content: { code } };
  } catch {
    return { ok: false, content: { code: "offline" } };
  }
}
