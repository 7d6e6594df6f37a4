// What somebody gave to the page, told by its form alone, as the service tells it.

const LONGEST_NUMBER = 64;
const SEPARATORS = /[\s\u2010-\u2015\u2212-]+/g; // spaces, and all that is made of a hyphen
const NUMBER = /^[A-Z][A-Z01]{1,5}(?:[0-9][0-9OIL]|[OIL][0-9])[0-9A-Z]{8,20}$/i;

/** Tells whether a number was meant, be it mistyped: its page says so. */
export function meansNumber(given) {
  return given.length <= LONGEST_NUMBER && NUMBER.test(given.replaceAll(SEPARATORS, ""));
}

/** Takes the digits out of an address of this page, as a QR code holds it or somebody copied it; else gives nothing. */
export function behindHash(given, site) {
  const [, host, rest, fragment] = /^([^/]+:\/\/[^/?#]*)([^#]*)#(.+)$/.exec(given) ?? [];
  return host?.toLowerCase() === site.toLowerCase() && /^\/v\/?(\?(lang=(it|en))?)?$/.test(rest) ? fragment : null;
}
