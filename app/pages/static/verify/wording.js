// An answer in the words of one language: the server's own sentences, filled with days.

import { telling, warnings } from "./verdict.js";

const ZONE = "Europe/Rome";

/** Words a verdict in the shape of the report that the API gives, in one language. */
export function report(verdict, words, { clockOffset, checkedAt }) {
  const { says, result, checks } = verdict;
  return {
    result,
    headline: headline(verdict, words),
    checks: checks.map(({ name, outcome, code, facts }) => ({
      id: name,
      state: outcome,
      code,
      reason: filled(words.findings[code].reason, facts, words),
      checked_at: checkedAt,
    })),
    credential: says && {
      number: says.number,
      holder_name: says.name,
      scheme_title: says.title[words.language],
      standard: says.standard,
      wording: says.wording[words.language],
      state: verdict.state,
      valid_from: says.from,
      valid_until: says.until,
    },
    issuer: says && { name: says.issuer },
    qualified: null, // a device has no trusted lists
    mode: verdict.mode,
    checked_at: checkedAt,
    clock_offset: clockOffset,
  };
}

function headline(verdict, words) {
  const { result, says, now, mode } = verdict;
  const { templates } = words;
  const days = says ? { today: now, first: says.begins, last: says.expires } : { today: now };
  const said = (template, facts = {}) => filled(templates[template], { ...days, ...facts }, words);
  const before = mode === "test" ? [templates.test] : [];
  let answer;
  if (result === "invalid" || result === "unknown") {
    answer = said(result, { brief: brief(telling(verdict), words) });
  } else {
    before.push(...warnings(verdict).map((check) => said("attention", { brief: brief(check, words) })));
    answer = said(before.length ? "otherwise_until" : "valid_until");
  }
  return [...before, answer].join(". ");
}

function brief(check, words) {
  if (!check) return words.templates.not_made;
  const { code, facts } = check;
  return code in words.dated ? filled(words.dated[code], facts, words) : words.findings[code].brief;
}

/** Fills the blanks of a sentence: `{brief}` is text, `{last}` a day, `{last:al}` a day with its Italian article. */
function filled(sentence, facts, words) {
  return sentence.replace(/\{(\w+)(?::(\w+))?\}/g, (_, blank, article) => {
    const fact = facts[blank];
    return typeof fact === "number" ? day(fact, words, article) : fact;
  });
}

function localParts(seconds) {
  const written = new Intl.DateTimeFormat("en-GB", {
    timeZone: ZONE, day: "numeric", month: "numeric", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  }).formatToParts(new Date(seconds * 1000));
  return Object.fromEntries(written.map(({ type, value }) => [type, value]));
}

/** Writes the day on which an instant falls in Rome. */
export function day(seconds, words, article) {
  const parts = localParts(seconds);
  const number = Number(parts.day);
  const said = `${words.days[number] ?? number} ${words.months[Number(parts.month) - 1]} ${Number(parts.year)}`;
  if (!article) return said;
  return words.vowels.includes(number) ? `${words.elided[article]}${said}` : `${article} ${said}`;
}

/** Writes an instant to the minute, as Rome's clocks show it. */
export function moment(seconds, words) {
  const { hour, minute, timeZoneName } = localParts(seconds);
  return `${day(seconds, words)}, ${words.hour}${hour}:${minute} ${timeZoneName}`;
}

/** Keeps a day on one line, and an hour, however narrow the screen. */
export function unbroken(text) {
  return text.replace(/(\d{1,2}º?) (\p{L}+) (\d{4})/gu, "$1\u00a0$2\u00a0$3").replace(/(ore )?(\d\d:\d\d) (CES?T)/g, kept);
}

const kept = (hour) => hour.replaceAll(" ", "\u00a0");
