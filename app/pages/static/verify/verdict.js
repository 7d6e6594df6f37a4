// From findings to an answer, by the table that the server goes by; never a yes that was not earned.

const READING_ORDER = ["format", "integrity", "issuer_trust", "validity_period", "status", "register_match", "superseded"];
// Which failure the first line tells: what is final comes before what time brought.
const TELLING_ORDER = ["format", "integrity", "issuer_trust", "register_match", "status", "superseded", "validity_period"];
const MAY_NOT_APPLY = ["register_match", "superseded"];
const MAY_WARN = ["status", "superseded"];
const STATUS = { active: "status-active", suspended: "status-suspended", revoked: "status-revoked", superseded: "status-active" };

/** Judges what was examined, at an instant in seconds. `outcomes` names each code's check and outcome. */
export function judge(examined, status, now, outcomes) {
  const { says } = examined;
  const found = (code, facts = {}) => ({ code, ...outcomes[code], facts });
  const checks = [found(examined.format)];
  if (examined.integrity) checks.push(found(examined.integrity));
  if (says) {
    checks.push(
      found(examined.trust),
      period(says, now, found),
      found(status.state ? STATUS[status.state] : status.code),
      found("register-not-asked"),
      found(superseded(status)),
    );
  }
  return {
    checks,
    says,
    result: resultOf(checks, says?.test),
    state: says && stateOf(says, status, now),
    mode: says ? (says.test ? "test" : "live") : "unknown",
    now,
    signedAt: status?.signedAt,
  };
}

function period(says, now, found) {
  const days = { first: says.begins, last: says.expires };
  if (now < says.begins) return found("not-yet-valid", days);
  // `exp` is the last second of validity, which is valid to its end.
  return found(now > says.expires ? "expired" : "in-period", days);
}

/** A list that calls it superseded does not tell whether there is a newer document: it may have ended early. */
function superseded({ state }) {
  if (state === "superseded") return "superseded-listed";
  return state ? "newest" : "superseded-elsewhere";
}

function stateOf(says, status, now) {
  if (["revoked", "suspended", "superseded"].includes(status.state)) return status.state;
  if (!status.state) return "unknown";
  if (now < says.begins) return "not_yet_valid";
  if (now > says.expires) return "expired";
  return status.state;
}

function settled({ name, outcome }) {
  return outcome === "pass" || (outcome === "warn" && MAY_WARN.includes(name))
    || (outcome === "not_applicable" && MAY_NOT_APPLY.includes(name));
}

function resultOf(checks, test) {
  if (checks.some(({ outcome }) => outcome === "fail")) return "invalid";
  const whole = READING_ORDER.every((name) => checks.some((check) => check.name === name));
  if (!whole || !checks.every(settled)) return "unknown";
  return test || checks.some(({ outcome }) => outcome === "warn") ? "valid_with_warnings" : "valid";
}

/** Picks the check that the first line tells of. */
export function telling({ result, checks }) {
  const told = result === "invalid" ? checks.filter(({ outcome }) => outcome === "fail") : checks.filter((check) => !settled(check));
  return told.sort((one, other) => TELLING_ORDER.indexOf(one.name) - TELLING_ORDER.indexOf(other.name))[0] ?? null;
}

export const warnings = ({ checks }) => checks.filter(({ outcome }) => outcome === "warn");
