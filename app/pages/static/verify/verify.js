// The page `/v`: takes a document in, verifies it on this device, and shows what came of it.

import { arrivedWith, takeFragment } from "./fragment.js";
import { examineQr, examineToken, isOurToken } from "./examine.js";
import { behindHash, meansNumber } from "./given.js";
import { JWKS, QR_KEYS, keyring } from "./keys.js";
import { pathOf, stateIn } from "./lists.js";
import { fetched, forget, fromCopy, sent, skew } from "./network.js";
import { looksLikeOne } from "./q1.js";
import { judge } from "./verdict.js";
import { drawn, translate } from "./view.js";
import { moment, report } from "./wording.js";

const MOST_FILE = 10_000_000;
const MOST_TEXT = 128 * 1024;
const FEWEST_DIGITS = 8;
const page = document.querySelector("main").dataset;
const others = page.others?.split(" ") ?? []; // where bodies of this service have hosts of their own
const place = (id) => document.getElementById(id);
const able = Boolean(globalThis.crypto?.subtle && globalThis.DecompressionStream);

let words = null; // of the language that is shown
let shown = null; // what `show` drew last: a function of the words, so that another language keeps it
let asked = 0; // so that an answer that comes late never covers a later one

// --- taking in ------------------------------------------------------------------------------------------------

/** Takes a step to its end; a defect of ours is no answer, and leaves nobody waiting for one. */
const guarded = (step) => async (...given) => {
  try {
    return await step(...given);
  } catch (error) {
    console.error(error);
    return trouble("defect");
  }
};

const take = guarded((text) => {
  const given = text.trim();
  const digits = behindHash(given, page.site) ?? given;
  if (!given) return trouble("nothing-to-verify");
  if (looksLikeOne(digits)) return able ? takeDigits(digits) : offer(given);
  if (given.startsWith(`${page.site}/v/`)) return look(given);
  if (others.some((other) => behindHash(given, other) || given.startsWith(`${other}/v/`))) return look(given);
  if (/^https?:\/\/\S*$/i.test(given)) return trouble("not-ours");
  if (meansNumber(given)) return look(`/v/${encodeURIComponent(given)}`);
  return able ? takeToken(given) : offer(given);
});

/** Takes what stood behind the hash. A code that arrived damaged is answered too: not valid, since unreadable. */
const takeArrived = guarded((fragment) => {
  if (/^[0-9]+$/.test(fragment)) return take(fragment);
  if (fragment.replaceAll(/[^0-9]/g, "").length < FEWEST_DIGITS) return undefined; // no code, whatever else it is
  return able ? verify(fragment, examineQr) : trouble("damaged");
});

/** Verifies a code on the device; one of a key that stands in no list here may be of a body with a host of its own. */
async function takeDigits(digits) {
  const turn = busy();
  const keys = await takeKeys();
  if (turn !== asked) return undefined;
  const elsewhere = others.length > 0 && keys.ring?.qr && navigator.onLine;
  if (elsewhere && (await examineQr(digits, keys.ring, keys.now)).integrity === "key-unavailable") return offer(digits);
  return turn === asked ? verify(digits, examineQr, keys) : undefined;
}

/** Verifies a document of ours on the device; of any other, asks whether to send it. */
async function takeToken(text) {
  const turn = busy();
  const keys = await takeKeys();
  if (turn !== asked) return undefined;
  return keys.ring && isOurToken(text, keys.ring) ? verify(text, examineToken, keys) : offer(text);
}

/** Opens the page of a number, which only the register can answer for. */
function look(address) {
  return navigator.onLine ? location.assign(address) : trouble("number-offline");
}

const takeFile = guarded(async (file) => {
  if (!file) return trouble("nothing-to-verify");
  if (file.size > MOST_FILE) return trouble("too-large");
  if (file.size <= MOST_TEXT) {
    const text = await readable(file);
    if (text !== null) return take(text);
  }
  if (file.type.startsWith("image/")) {
    const read = await (await scanner()).readPicture(file);
    if (read) return take(read);
  }
  return offer(file);
});

async function readable(file) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    return null;
  }
}

// --- verifying on this device ---------------------------------------------------------------------------------

async function verify(document, examine, keys = takeKeys()) {
  const turn = busy();
  const { ring, now } = await keys;
  const examined = await examine(document, ring, now);
  const status = examined.says && (await statusOf(examined.says, ring, now));
  if (turn !== asked) return;
  const verdict = judge(examined, status, now, words.findings);
  const context = { clockOffset: page.clock || null, checkedAt: new Date(now * 1000).toISOString().replace(".000Z", "Z") };
  const copied = fromCopy;
  show((language) => drawn(report(verdict, language, context), language, {
    notes: notes(verdict, language, copied),
    short: Boolean(examined.says?.short),
  }));
}

/** Tells the time of this device, moved as the service's own clock is for a demonstration. */
function present() {
  const [, sign, ...parts] = /^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(page.clock) ?? ["", ""];
  const moved = [86_400, 3600, 60, 1].reduce((sum, unit, index) => sum + unit * Number(parts[index] ?? 0), 0);
  return Math.floor(Date.now() / 1000) + (sign ? -moved : moved);
}

async function takeKeys() {
  forget();
  const [jwks, qrKeys] = await Promise.all([fetched(JWKS), fetched(QR_KEYS)]);
  const now = present();
  return { now, ring: await keyring(page.site, { jwks, qrKeys }, now) };
}

async function statusOf(says, ring, now) {
  if (!says.offered) return { code: "status-not-offered" };
  return stateIn(says.list === null ? null : await fetched(pathOf(says.list)), says, ring, now);
}

function notes({ says, signedAt }, { t, ...language }, copied) {
  const said = [];
  if (signedAt) said.push(`${t.list_signed} ${moment(signedAt, language)}`);
  if (says) said.push(copied ? t.verified_offline : t.verified_here);
  if (skew) said.push(t.clock_differs);
  return said;
}

// --- sending, only once agreed to -----------------------------------------------------------------------------

function offer(content) {
  begin();
  place("consent").hidden = false;
  place("consent").focus();
  place("agree").onclick = () => send(content);
  place("decline").onclick = begin;
}

const send = guarded(async (content) => {
  const turn = busy();
  const { ok, content: answer } = await sent(content instanceof Blob ? content : new Blob([content], { type: "text/plain" }));
  if (turn !== asked) return undefined;
  if (!ok) return trouble(answer.code);
  show((language) => drawn(inOne(answer, language.language), language, { notes: [language.t.verified_there], short: false }));
  return undefined;
});

/** Takes the one language that is shown out of what the API says in both. */
function inOne(answer, language) {
  const { credential } = answer;
  return {
    ...answer,
    headline: answer.headline[language],
    qualified: answer.qualified?.reason[language],
    checks: answer.checks.map((check) => ({
      ...check,
      reason: check.reason[language],
      stamps: check.stamps?.map(({ reason }) => reason[language]),
    })),
    credential: credential && {
      ...credential,
      scheme_title: credential.scheme_title[language],
      wording: credential.wording[language],
    },
  };
}

// --- the page -------------------------------------------------------------------------------------------------

function busy() {
  asked += 1;
  for (const id of ["consent", "trouble"]) place(id).hidden = true;
  place("progress").textContent = words.t.verifying;
  return asked;
}

function ready() {
  place("progress").textContent = "";
}

function show(draw) {
  ready();
  shown = draw;
  place("start").hidden = true;
  place("answer-place").replaceChildren(draw(words));
  document.title = `${place("answer-place").querySelector("[data-part=result]").textContent} · Sigillo`;
  place("again").hidden = false;
  place("answer").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function begin() {
  asked += 1;
  shown = null;
  ready();
  for (const id of ["consent", "trouble", "again"]) place(id).hidden = true;
  place("answer-place").replaceChildren();
  place("start").hidden = false;
  document.title = `${words.t.start_title} · Sigillo`;
  place("opening").focus();
}

function trouble(code) {
  begin();
  place("trouble").hidden = false;
  place("trouble-said").textContent = words.troubles[code] ?? words.trouble;
  place("trouble").dataset.code = code;
}

async function speak(language) {
  words = await (await fetch(language === "it" ? page.wordsIt : page.wordsEn)).json();
  document.documentElement.lang = language;
  translate(document, words);
  for (const element of document.querySelectorAll('[href^="/v?lang="]')) element.href = `/v?lang=${language}`;
  for (const form of document.querySelectorAll('form[action^="/v?lang="]')) form.action = `/v?lang=${language}`;
  for (const link of document.querySelectorAll(".languages a")) {
    if (link.lang === language) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

async function turnTo(language) {
  await speak(language);
  history.replaceState(null, "", `${location.pathname}?lang=${language}`);
  if (shown) {
    place("answer-place").replaceChildren(shown(words));
    document.title = `${place("answer-place").querySelector("[data-part=result]").textContent} · Sigillo`;
  } else {
    document.title = `${words.t.start_title} · Sigillo`;
  }
  const { code } = place("trouble").dataset;
  if (!place("trouble").hidden) place("trouble-said").textContent = words.troubles[code] ?? words.trouble;
}

const scanner = () => import(page.scan);

async function scan() {
  const { available, watch } = await scanner();
  if (!(await available())) {
    place("photo-place").hidden = false;
    place("photo").focus();
    return;
  }
  place("camera").hidden = false;
  place("stop").focus();
  const stop = new AbortController();
  place("stop").onclick = () => stop.abort();
  try {
    const read = await watch(place("video"), stop.signal);
    if (read) await take(read);
  } catch {
    place("photo-place").hidden = false; // no camera, or no leave to use it
    place("photo").focus();
  } finally {
    place("camera").hidden = true;
  }
  if (stop.signal.aborted) place("scan").focus();
}

function listen() {
  addEventListener("hashchange", () => {
    takeArrived(takeFragment());
  });
  place("file-form").addEventListener("submit", (event) => {
    event.preventDefault();
    takeFile(place("file").files[0]);
  });
  place("number").form.addEventListener("submit", (event) => {
    if (navigator.onLine) return;
    event.preventDefault();
    trouble("number-offline");
  });
  place("photo").addEventListener("change", () => takeFile(place("photo").files[0]));
  place("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    take(place("pasted").value);
  });
  place("scan").addEventListener("click", scan);
  place("again").addEventListener("click", begin);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const { files } = event.dataTransfer;
    if (files.length) takeFile(files[0]);
    else take(event.dataTransfer.getData("text"));
  });
  for (const link of document.querySelectorAll(".languages a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      turnTo(link.lang);
    });
  }
}

/** Lets the page work without a network next time: shell, keys and whole lists, never a document. */
async function stay() {
  if (!("serviceWorker" in navigator)) return;
  const policy = globalThis.trustedTypes?.createPolicy("sigillo", { createScriptURL: (url) => (url === "/sw.js" ? url : "") });
  navigator.serviceWorker.addEventListener("message", () => {
    document.documentElement.dataset.kept = "true";
  });
  try {
    await navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js", { scope: "/v" });
    const ready = await navigator.serviceWorker.ready;
    ready.active.postMessage("take along");
  } catch {
    // a browser that keeps nothing verifies online only
  }
}

await speak(document.documentElement.lang);
listen();
for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;
await takeArrived(arrivedWith);
document.documentElement.dataset.ready = "true";
await stay();
