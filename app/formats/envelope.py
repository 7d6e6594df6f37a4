"""What every credential has around its subject, read alike in our own and in foreign ones.

Unknown members are left alone, since they may be anybody's extensions. What we read must be of the right type
and must not say two things: a registered claim equals the member that it repeats, or the token is refused.
"""

from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from app.formats.instants import Instant, seconds
from app.formats.strict import MAX_SAFE_INTEGER, Malformed

VC_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
LIST_TYPE: Final = "BitstringStatusListCredential"


def as_list(value: object) -> object:
    """JSON-LD may write a list of one as the one."""
    return value if isinstance(value, list) else [value]


Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Texts = Annotated[list[Text], BeforeValidator(as_list), Field(min_length=1, max_length=64)]
NumericDate = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]


class Members(BaseModel):
    """Members of a foreign object: strict in what we read, silent on the rest."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Issuer(Members):
    """Who says it. The name is what they call themselves; only a chain can make it more."""

    id: Text
    name: object = None


def _as_issuer(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


class Envelope(Members):
    """W3C VCDM 2.0, 4, with the registered claims beside it (Open Badges 3.0, 8.2.6.1)."""

    context: Annotated[list[object], Field(alias="@context", min_length=1, max_length=64)]
    type: Texts
    issuer: Annotated[Issuer, BeforeValidator(_as_issuer)]
    id: Text | None = None
    valid_from: Annotated[Instant | None, Field(alias="validFrom")] = None
    valid_until: Annotated[Instant | None, Field(alias="validUntil")] = None
    iss: Text | None = None
    sub: Text | None = None
    jti: Text | None = None
    nbf: NumericDate | None = None
    exp: NumericDate | None = None
    vc: object = None
    vp: object = None

    @model_validator(mode="after")
    def _one_story(self) -> Self:
        if self.model_fields_set & {"vc", "vp"}:
            raise Malformed("a credential inside a claim, where the payload must be the credential")
        if self.context[0] != VC_CONTEXT or "VerifiableCredential" not in self.type:
            raise Malformed("not a credential of the W3C data model 2.0")
        for said, repeated in ((self.issuer.id, self.iss), (self.id, self.jti)):
            if repeated is not None and repeated != said:
                raise Malformed("a registered claim that contradicts the credential")
        for instant, number in ((self.valid_from, self.nbf), (self.valid_until, self.exp)):
            if number is not None and (instant is None or seconds(instant) != number):
                raise Malformed("validity that is said twice and differently")
        return self
