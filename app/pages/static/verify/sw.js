// Keeps what verifying without a network needs: the page, keys and whole lists. Never a document, a fragment,
// a number or an answer about anybody.

const VERSION = "{{version}}";
const ASSETS = ["{{assets}}"];
const SHELLS = { it: "/v?lang=it", en: "/v?lang=en" };
const SHELL = `shell-${VERSION}`;
const DATA = "data-1";
const INDEX = "/status/index.json";
const KEPT = /^\/(\.well-known\/(jwks\.json|qr-keys)|status\/\d{1,10})$/;
const PATIENCE = 4000;
const CLOCKS_DIFFER = 10 * 60;
const SEALED = ["application/jwt", "application/statuslist+jwt"];
const KEPT_TYPES = [...SEALED, "application/jwk-set+json"];

self.addEventListener("install", (event) => {
  event.waitUntil(installed());
});

async function installed() {
  const cache = await caches.open(SHELL);
  await cache.addAll(ASSETS);
  await Promise.all(Object.values(SHELLS).map(async (path) => {
    const answer = await fetch(path, { cache: "reload", credentials: "omit" });
    if (!answer.ok) throw new Error("no page to keep"); // the browser tries again with the next visit
    await cache.put(path, answer);
  }));
  await self.skipWaiting();
}

self.addEventListener("activate", (event) => {
  event.waitUntil(activated());
});

async function activated() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== SHELL && name !== DATA).map((name) => caches.delete(name)));
  await self.clients.claim();
}

self.addEventListener("message", (event) => {
  if (event.data !== "take along") return;
  event.waitUntil(takenAlong().then(() => event.source.postMessage("taken along")));
});

/** Takes the keys and every list along, so that a credential never seen before verifies without a network. */
async function takenAlong() {
  await Promise.all(["/.well-known/jwks.json", "/.well-known/qr-keys"].map(taken));
  const index = await fetch(INDEX, { credentials: "omit" }).catch(() => null);
  if (!index?.ok) return;
  const { lists } = await index.json();
  await Promise.all(lists.filter((path) => KEPT.test(path)).map(taken));
}

async function taken(path) {
  try {
    return await fresh(path);
  } catch {
    return null; // the copy of last time stays
  }
}

async function fresh(path) {
  const answer = await fetch(path, { cache: "no-cache", credentials: "omit", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status >= 500) throw new Error("nobody answers");
  if (!answer.ok) return answer;
  const type = answer.headers.get("Content-Type")?.split(";")[0];
  if (!KEPT_TYPES.includes(type)) throw new Error("somebody else answers");
  const cache = await caches.open(DATA);
  const kept = await cache.match(path);
  if (kept && SEALED.includes(type) && (await outdated(answer.clone(), kept.clone()))) return kept;
  await cache.put(path, await marked(answer.clone()));
  return answer;
}

/** Tells whether what came is older than what is kept. A copy from the future keeps nothing out. */
async function outdated(answer, kept) {
  const [came, had] = await Promise.all([answer, kept].map(async (each) => signedAt(await each.text())));
  return came < had && had <= Date.now() / 1000 + CLOCKS_DIFFER;
}

/** Reads when a token says it was signed; whether that is true is for the page to find out. */
function signedAt(token) {
  try {
    const { iat } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return Number.isSafeInteger(iat) ? iat : 0;
  } catch {
    return 0;
  }
}

/** Writes down when a copy was taken: whoever reads it must know how old it is. */
async function marked(answer) {
  const headers = new Headers(answer.headers);
  headers.set("X-Taken-At", String(Math.floor(Date.now() / 1000)));
  return new Response(await answer.blob(), { headers });
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, searchParams } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (pathname === "/v") event.respondWith(shell(request, searchParams.get("lang")));
  } else if (ASSETS.includes(pathname)) {
    event.respondWith(kept(pathname, request));
  } else if (KEPT.test(pathname)) {
    event.respondWith(fresh(pathname).catch(() => copy(pathname)));
  }
});

async function shell(request, asked) {
  const answer = await prompt(request).catch(() => null);
  if (answer && answer.status < 500) return answer;
  const preferred = navigator.languages.find((tag) => /^(it|en)\b/.test(tag))?.slice(0, 2);
  return (await caches.match(SHELLS[asked] ?? SHELLS[preferred] ?? SHELLS.en)) ?? answer ?? Response.error();
}

/** Fetches a page unless nothing begins to come in time; once it comes, it may take its time. */
async function prompt(request) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE);
  try {
    return await fetch(request, { signal: late.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function kept(path, request) {
  return (await caches.match(path)) ?? fetch(request);
}

async function copy(path) {
  return (await (await caches.open(DATA)).match(path)) ?? Response.error();
}
