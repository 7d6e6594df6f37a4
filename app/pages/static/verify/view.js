// An answer as a reader sees it. Everything is text: nothing that a document says is ever read as markup.

import { day, moment, unbroken } from "./wording.js";

const part = (within, name) => within.querySelector(`[data-part="${name}"]`);
const template = (name) => document.getElementById(name).content.cloneNode(true);

/** Says every word of the page itself in a language. */
export function translate(within, words) {
  for (const element of within.querySelectorAll("[data-t]")) element.textContent = words.t[element.dataset.t];
  for (const element of within.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", words.t[element.dataset.tLabel]);
  }
}

/** Draws a report, as the API gives it, in one language. */
export function drawn(report, words, { notes, short }) {
  const page = template("report-template");
  translate(page, words);
  if (report.mode !== "test") part(page, "test").remove();
  heading(page, report, words, notes);
  if (report.credential) credential(page, report, words, short);
  else part(page, "credential").remove();
  if (report.credential) part(page, "withheld").remove();
  part(page, "checks").append(...report.checks.map((check) => row(check, words)));
  if (report.qualified) part(page, "qualified").textContent = unbroken(report.qualified);
  else part(page, "qualified").remove();
  for (const name of ["proves", "does_not_prove"]) part(page, name).append(...words[name].map(item));
  return page;
}

function heading(page, report, words, notes) {
  part(page, "answer").classList.add(report.result);
  part(page, "emblem").append(icon(`result-${report.result}`));
  part(page, "result").textContent = words.results[report.result];
  part(page, "headline").textContent = unbroken(report.headline);
  const when = part(page, "checked");
  when.dateTime = report.checked_at;
  when.textContent = unbroken(moment(Date.parse(report.checked_at) / 1000, words));
  part(page, "notes").append(...notes.map((note) => paragraph(unbroken(note))));
}

function credential(page, { credential: shown, issuer, checks }, words, short) {
  const trusted = checks.some(({ id, state }) => id === "issuer_trust" && state === "pass");
  const nameless = short ? words.t.holder_not_told : words.t.holder_withheld;
  part(page, "holder").textContent = shown.holder_name ?? nameless;
  part(page, "wording").textContent = shown.wording;
  const facts = part(page, "facts");
  const fact = (label, value, kind) => value && facts.append(pair(words.t[label], value, kind));
  fact("profile", shown.scheme_title, "wide");
  fact(trusted ? "issued_by" : "issued_by_claimed", issuer.name, "wide");
  fact("valid_from", shown.valid_from && day(Date.parse(shown.valid_from) / 1000, words));
  fact("valid_until", shown.valid_until && day(Date.parse(shown.valid_until) / 1000, words));
  fact("standard", shown.standard);
  fact("state", words.states[shown.state] ?? shown.state);
  fact("number", shown.number, "wide number");
}

function pair(label, value, kind = "") {
  const pairing = document.createElement("div");
  const [term, said] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = label;
  said.textContent = value;
  if (kind.includes("wide")) pairing.classList.add("wide");
  if (kind.includes("number")) said.classList.add("number");
  pairing.append(term, said);
  return pairing;
}

function row({ id, state, reason, stamps = [] }, words) {
  const line = template("check-template").firstElementChild;
  part(line, "name").textContent = words.checks[id];
  const outcome = part(line, "outcome");
  outcome.classList.add(state);
  outcome.append(icon(`outcome-${state}`), words.outcomes[state]);
  part(line, "reason").textContent = unbroken(reason);
  part(line, "stamps").append(...stamps.map((stamp) => item(unbroken(stamp))));
  part(line, "stamps").hidden = !stamps.length;
  return line;
}

const icon = (name) => template("icons").querySelector(`[data-icon="${name}"]`).firstElementChild;

function item(text) {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}

function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}
