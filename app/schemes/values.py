"""The small types that a scheme file is made of: strict, frozen, refusing what they do not know."""

from decimal import Decimal
from typing import Annotated, Final, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, PlainValidator
from pydantic.dataclasses import dataclass

from app.core.days import Span
from app.core.labels import Labels

Block = TypeVar("Block")

_STRICT: Final = ConfigDict(strict=True, extra="forbid")


@dataclass_transform(frozen_default=True)
def block(made: type[Block]) -> type[Block]:
    """Make a class a block of a scheme: a frozen value that is checked when it is read, entry by entry."""
    # pydantic's own decorator says that it returns another class; it returns the same one, checked.
    return cast(type[Block], dataclass(frozen=True, slots=True, config=_STRICT)(made))


def _labels(given: object) -> Labels:
    if isinstance(given, Labels):
        return given
    if not isinstance(given, dict) or set(given) != {"it", "en"}:
        raise ValueError("needs words in both languages, `it` and `en`, and in no other")
    for language, words in given.items():
        if not isinstance(words, str) or not words.strip():
            raise ValueError(f"has no words in `{language}`")
    return Labels(it=given["it"], en=given["en"])


def _span(given: object) -> Span:
    if isinstance(given, Span):
        return given
    if not isinstance(given, str):
        raise ValueError("needs a span such as P3Y, P6M or P90D")  # noqa: TRY004 -- pydantic hears ValueError
    return Span.read(given)


Printed = Annotated[Labels, PlainValidator(_labels)]
Lasting = Annotated[Span, PlainValidator(_span)]
# R1, T7, K3: how people call the lines of a scheme.
Reference = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Words = Annotated[str, Field(min_length=1, max_length=400)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=0, le=100)]
Hours = Annotated[Decimal, Field(ge=0)]
Points = Annotated[Decimal, Field(ge=0, le=100)]
Eqf = Annotated[int, Field(ge=1, le=8)]
