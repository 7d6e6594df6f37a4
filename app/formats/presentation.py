"""A presentation (W3C VCDM 2.0, 4.13; VC-JOSE-COSE, 3.1.2): credentials under the seal of who shows them."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, ValidationError

from app.core.errors import JsonValue
from app.formats.envelope import VC_CONTEXT, Members, NumericDate, Text, Texts, as_list
from app.formats.strict import Malformed, as_malformed

MOST_CREDENTIALS: Final = 20


@dataclass(frozen=True, slots=True)
class ReadPresentation:
    """What a presentation says, once it could be read. Its credentials may still be anything at all."""

    holder: str | None
    credentials: tuple[JsonValue, ...]
    nonce: str | None
    audience: tuple[str, ...]
    begins: int | None
    ends: int | None


class _Holder(Members):
    id: Text


def _as_holder(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


class _Presentation(Members):
    context: Annotated[list[object], Field(alias="@context", min_length=1, max_length=64)]
    type: Texts
    holder: Annotated[_Holder | None, BeforeValidator(_as_holder)] = None
    credentials: Annotated[
        list[object],
        BeforeValidator(as_list),
        Field(alias="verifiableCredential", max_length=MOST_CREDENTIALS),
    ] = Field(default_factory=list)
    iss: Text | None = None
    nonce: Text | None = None
    aud: Texts | None = None
    nbf: NumericDate | None = None
    exp: NumericDate | None = None
    vp: object = None
    vc: object = None


def read_presentation(payload: dict[str, JsonValue]) -> ReadPresentation:
    """Read the payload of a `vp+jwt`, or raise `Malformed`."""
    try:
        read = _Presentation.model_validate(payload)
    except ValidationError as refused:
        raise as_malformed(refused) from None
    if {"vp", "vc"} & payload.keys():
        raise Malformed("a presentation inside a claim, where the payload must be the presentation")
    if read.context[0] != VC_CONTEXT or "VerifiablePresentation" not in read.type:
        raise Malformed("not a presentation of the W3C data model 2.0")
    if "VerifiableCredential" in read.type:
        raise Malformed("a credential, where a presentation was expected")
    holder = read.holder.id if read.holder else None
    if read.iss is not None and holder is not None and read.iss != holder:
        raise Malformed("a registered claim that contradicts the presentation")
    shown = payload.get("verifiableCredential", [])
    return ReadPresentation(
        holder=holder or read.iss,
        credentials=tuple(shown) if isinstance(shown, list) else (shown,),
        nonce=read.nonce,
        audience=tuple(read.aud or ()),
        begins=read.nbf,
        ends=read.exp,
    )
