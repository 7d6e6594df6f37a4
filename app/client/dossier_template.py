"""A dossier.yaml to fill in: what the scheme asks for, with what each thing is."""

import json
from collections.abc import Iterator
from typing import Final

from app.client import folder
from app.client.api import Api, Json, NotUsable, Refused, Unreachable
from app.client.visit import NotSignedIn, Visit
from app.client.words import Voice

# What stands in a field of each kind until it is filled in.
EXAMPLES: Final[Json] = {
    "text": "…",
    "word": "word",
    "url": "https://example.org/",
    "date": "2027-03-15",
    "hours": 40,
    "percent": 100,
    "eqf_level": 7,
}


def of(visit: Visit, asked: str | None) -> str:
    """Write a dossier.yaml for a scheme of the service; where it cannot be asked, for any scheme."""
    try:
        schemes = known(visit.api)
        chosen = asked or (schemes[0] if schemes else None)
        scheme = visit.api.get(f"/v1/schemes/{chosen}") if chosen else None
    except (NotSignedIn, NotUsable, Unreachable):
        scheme = None
    except Refused as refused:
        raise naming_schemes(visit.api, refused) from None
    return "\n".join(_lines(scheme, visit.voice)) + "\n"


def known(api: Api) -> list[str]:
    """List the schemes for which a dossier can be begun."""
    return [str(one["id"]) for one in api.all("/v1/schemes")]


def naming_schemes(api: Api, refused: Refused) -> Refused:
    """Let a refusal of a scheme name those that there are."""
    if refused.code != "scheme-not-found":
        return refused
    return Refused(refused.status, {**refused.problem, "known": known(api)})


def _lines(scheme: Json | None, voice: Voice) -> Iterator[str]:
    yield f"# {voice.say('template-head', name=folder.NAME)}"
    yield f"scheme: {scheme['id'] if scheme else '…'}"
    yield f"language: {voice.language.value}  # it, en"
    yield f"ai_disclosure: false  # {voice.say('template-ai')}"
    yield "evidence:"
    if scheme is None:
        yield f"  # {voice.say('template-unknown')}"
        yield "  []"
    for kind in scheme["evidence_kinds"] if scheme else ():
        facts = {"label": voice.both(kind["label"]), "min": kind["min_items"], "max": kind["max_items"]}
        code = "template-kind" if kind["min_items"] else "template-kind-optional"
        yield f"\n  # {voice.say(code, **facts)}"
        sign = "" if kind["min_items"] else "# "  # what need not be there is there to be uncommented
        yield from (f"  {sign}{line}" for line in _kind(kind, voice))


def _kind(kind: Json, voice: Voice) -> Iterator[str]:
    yield f"- kind: {kind['id']}"
    needed = kind["file"] == "required"
    yield f"  {'' if needed else '# '}file: {kind['id']}.pdf"
    if kind["fields"]:
        yield "  fields:"
    for field in kind["fields"]:
        example = json.dumps(EXAMPLES.get(field["kind"], "…"), ensure_ascii=False)
        said = voice.say("template-needed" if field["required"] else "template-if-any")
        yield f"    {field['name']}: {example}  # {voice.named('template-field', field['kind'])}, {said}"
