"""The API's reference as pages of our own: the contract in words, and what each problem asks for."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.errors import Problem
from app.core.labels import Labels, Language
from app.pages import render
from app.pages.assets import packed
from app.pages.conventions import CONVENTIONS, PARTS
from app.pages.headers import PUBLIC_HEADERS
from app.pages.languages import language_of
from app.pages.remedies import ITALIAN, remedy
from app.problems import MALFORMED, status_of
from app.verification.answers import takes_gzip
from app.web import PublicRoute

Json = dict[str, Any]
METHODS: Final = ("get", "post", "put", "patch", "delete")
DEEPEST: Final = 3
MOST_ALTERNATIVES: Final = 4
UNSAID: Final = "Successful Response"  # what the framework says where nobody said anything
# Said without a problem of its own: what no route has to think of.
PLAIN: Final = {
    "malformed": (str(MALFORMED["title"]), HTTPStatus.UNPROCESSABLE_ENTITY),
    "hurried": ("Too many requests in too short a time", HTTPStatus.TOO_MANY_REQUESTS),
}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of what is sent or answered: its name, its kind, whether it has to be there, and in words."""

    name: str
    kind: str
    required: bool
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that is sent or answered, by media type, with its members and an example."""

    media_type: str
    members: tuple[Member, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as its reader needs it."""

    anchor: str
    method: str
    path: str
    words: str
    keyless: bool
    parameters: tuple[Member, ...]
    sent: tuple[Shown, ...]
    answers: tuple[tuple[str, str, tuple[Shown, ...]], ...]
    refusals: tuple[tuple[str, str], ...]  # status, code
    curl: str


@dataclass(frozen=True, slots=True)
class Hook:
    """What is sent to callers who asked to be told: its headers, its body, and what their answer means."""

    anchor: str
    words: str
    parameters: tuple[Member, ...]
    sent: tuple[Shown, ...]
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A problem in one language: its code and status, what happened, and what to do."""

    code: str
    status: int
    title: str
    remedy: str


class Reference:
    """The pages, each written once for each language and then kept."""

    def __init__(
        self,
        document: Callable[[], Json],
        problems: Callable[[], Mapping[str, type[Problem]]],
        site: str,
    ) -> None:
        self._site = site
        self._document = lru_cache(maxsize=1)(document)
        self._problems = problems
        self._kept = lru_cache(maxsize=512)(self._written)

    def routes(self) -> list[Route]:
        """Give the routes of the reference."""
        return [
            PublicRoute("/problems/{code}", self.problem),
            PublicRoute("/problems", self.problems),
            PublicRoute("/api", self.start),
            PublicRoute("/api/{part}", self.part),
        ]

    # Plain functions: the first to ask has the page written in a thread, and keeps nobody waiting.

    def start(self, request: Request) -> Response:
        """Show which parts the API has, and what holds for all of them."""
        return self._answer(request, "start", "")

    def part(self, request: Request) -> Response:
        """Show the operations of a part."""
        return self._answer(request, "part", request.path_params["part"])

    def problems(self, request: Request) -> Response:
        """List every problem that there is."""
        return self._answer(request, "problems", "")

    def problem(self, request: Request) -> Response:
        """Say what a problem means, and what to do: the address that is its `type`."""
        return self._answer(request, "problem", request.path_params["code"])

    def _answer(self, request: Request, kind: str, name: str) -> Response:
        language = language_of(request.headers.get("accept-language"), request.query_params.get("lang"))
        known = name in {"problem": self._codes(), "part": self._parts()}.get(kind, {name: None})
        page = self._kept(kind if known else "absent", name if known else "", language)
        headers = {**PUBLIC_HEADERS, "Vary": "Accept-Language, Accept-Encoding"}
        status = HTTPStatus.OK if known else HTTPStatus.NOT_FOUND
        if takes_gzip(request):
            headers["Content-Encoding"] = "gzip"
            return Response(page[1], status_code=status, media_type="text/html", headers=headers)
        return Response(page[0], status_code=status, media_type="text/html", headers=headers)

    def _written(self, kind: str, name: str, language: Language) -> tuple[bytes, bytes]:
        match kind:
            case "start":
                parts = {slug: (tag, len(found)) for slug, (tag, found) in self._parts().items()}
                html = render.api_page(
                    language, parts=parts, about=PARTS, conventions=CONVENTIONS, site=self._site
                )
            case "part":
                tag, found = self._parts()[name]
                hooks = [each for each, part in self._hooks() if part == tag]
                html = render.api_part_page(
                    language, tag=tag, about=PARTS[tag], operations=found, hooks=hooks
                )
            case "problems":
                html = render.problems_page(
                    language, problems=[self._told(each, language) for each in self._codes()]
                )
            case "problem":
                html = render.problem_page(language, problem=self._told(name, language))
            case _:
                html = render.api_absent_page(language)
        page = html.encode()
        return page, packed(page)

    def _codes(self) -> Mapping[str, tuple[str, HTTPStatus]]:
        ours = {code: (kind.title, status_of(kind)) for code, kind in self._problems().items()}
        return dict(sorted({**ours, **PLAIN}.items()))

    def _told(self, code: str, language: Language) -> Told:
        title, status = self._codes()[code]
        named = Labels(it=ITALIAN.get(code, title), en=title)
        done = remedy(code, status.value)
        return Told(code, status.value, named.in_language(language), done.in_language(language))

    @lru_cache(maxsize=1)  # noqa: B019 - one for each service, which lasts as long as it does
    def _parts(self) -> Mapping[str, tuple[str, tuple[Operation, ...]]]:
        """Sort the operations by part, in the order of the contract."""
        document = self._document()
        parts: dict[str, tuple[str, list[Operation]]] = {}
        for path, described in document["paths"].items():
            for method in METHODS:
                if method in described:
                    tag = described[method].get("tags", ["other"])[0]
                    found = parts.setdefault(tag.replace(" ", "-"), (tag, []))[1]
                    found.append(operation(document, method, path, described[method], site=self._site))
        return {slug: (tag, tuple(found)) for slug, (tag, found) in parts.items()}

    def _hooks(self) -> Iterator[tuple[Hook, str]]:
        """Read the webhooks of the contract, each with the part that it belongs to."""
        document = self._document()
        for name, described in document.get("webhooks", {}).items():
            yield hook(document, name, described["post"]), described["post"]["tags"][0]


def hook(document: Json, name: str, described: Json) -> Hook:
    """Read a webhook of the contract (OpenAPI 3.1, 4.8.1)."""
    bodies = described["requestBody"]["content"].items()
    return Hook(
        anchor=f"webhook-{name}",
        words=described["description"],
        parameters=_given(document, described),
        sent=tuple(_shown(document, media_type, content) for media_type, content in bodies),
        answers=tuple((status, answer["description"]) for status, answer in described["responses"].items()),
    )


def operation(document: Json, method: str, path: str, described: Json, *, site: str) -> Operation:
    """Read an operation of the contract."""
    keyless = not described.get("security")
    bodies = described.get("requestBody", {}).get("content", {})
    sent = tuple(_shown(document, media_type, content) for media_type, content in bodies.items())
    good, bad = [], []
    for status, answer in described["responses"].items():
        contents = answer.get("content", {})
        if status.startswith("2"):
            shown = tuple(_shown(document, media_type, content) for media_type, content in contents.items())
            words = answer.get("description", "")
            good.append((status, "" if words == UNSAID else words, shown))
        elif status != "default":
            for content in contents.values():
                bad += [(status, code) for code in _codes(document, content)]
    return Operation(
        anchor=f"{method}-{path}".strip("/").replace("/", "-").replace("{", "").replace("}", ""),
        method=method.upper(),
        path=path,
        words=described.get("description") or described.get("summary", ""),
        keyless=keyless,
        parameters=_given(document, described),
        sent=sent,
        answers=tuple(good),
        refusals=tuple(dict.fromkeys(bad)),
        curl=_curl(method, _filled(path, described), sent, keyless=keyless, site=site),
    )


def _given(document: Json, described: Json) -> tuple[Member, ...]:
    return tuple(
        Member(
            f"{each['name']} ({each['in']})",
            kind(document, each.get("schema", {})),
            each.get("required", False),
            each.get("description", ""),
        )
        for each in described.get("parameters", [])
    )


def _codes(document: Json, content: Json) -> Iterator[str]:
    for example in content.get("examples", {}).values():
        value = _resolved(document, example).get("value", {})
        if isinstance(value, dict) and "code" in value:
            yield value["code"]


def _shown(document: Json, media_type: str, content: Json) -> Shown:
    example: Json = next(iter(content.get("examples", {}).values()), {})
    value = _resolved(document, example).get("value")
    written = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    schema = content.get("schema", {})
    return Shown(media_type, tuple(_members(document, schema)), "" if value is None else written)


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        place: Any = document
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            place = place[step]
        schema = place
    return schema


def _members(document: Json, schema: Json, prefix: str = "", depth: int = 0) -> Iterator[Member]:
    schema = _resolved(document, schema)
    alternatives: list[Json] = schema.get("anyOf") or schema.get("oneOf") or []
    for inner in alternatives[:MOST_ALTERNATIVES]:
        yield from _members(document, inner, prefix, depth)
    if depth == DEEPEST:
        return
    if "items" in schema:
        yield from _members(document, schema["items"], f"{prefix}[]." if prefix else "[].", depth)
    for name, each in schema.get("properties", {}).items():
        plain = _resolved(document, each)
        words = each.get("description") or ("" if "properties" in plain else plain.get("description", ""))
        needed = name in schema.get("required", ())
        yield Member(f"{prefix}{name}", kind(document, each), needed, words)
        yield from _members(document, each, f"{prefix}{name}.", depth + 1)


def kind(document: Json, schema: Json) -> str:
    """Say in a few words of which kind a value is."""
    schema = _resolved(document, schema)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(kind(document, each) for each in schema[several]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {kind(document, schema.get('items', {}))}"
    said = schema.get("type", "any")
    plain = " | ".join(said) if isinstance(said, list) else str(said)
    return f"{plain} ({schema['format']})" if "format" in schema else plain


def _filled(path: str, described: Json) -> str:
    """Fill in what the address needs; what it may have besides is left out."""
    needed = [each for each in described.get("parameters", []) if each.get("required") and "example" in each]
    for each in needed:
        path = path.replace(f"{{{each['name']}}}", str(each["example"]))
    asked = [f"{each['name']}={each['example']}" for each in needed if each["in"] == "query"]
    return f"{path}?{'&'.join(asked)}" if asked else path


def _curl(method: str, path: str, sent: tuple[Shown, ...], *, keyless: bool, site: str) -> str:
    lines = [f"curl -X {method.upper()} '{site}{path}'" if method != "get" else f"curl '{site}{path}'"]
    if not keyless:
        lines.append('-H "Authorization: Bearer $SIGILLO_KEY"')
    body = next((each for each in sent if each.example), None)
    if body is not None:
        lines += _sent(body)
    return " \\\n  ".join(lines)


def _sent(body: Shown) -> Iterator[str]:
    """Say with which options of curl a body is sent."""
    match body.media_type:
        case "multipart/form-data":
            for name, value in json.loads(body.example).items():
                yield f"-F {name}=@file" if name == "file" else f"-F {_quoted(f'{name}={value}')}"
        case "application/x-www-form-urlencoded":
            for name, value in json.loads(body.example).items():
                yield f"--data-urlencode {_quoted(f'{name}={value}')}"
        case "application/json":
            yield "-H 'Content-Type: application/json'"
            yield f"-d {_quoted(json.dumps(json.loads(body.example), ensure_ascii=False))}"
        case other:
            yield f"-H 'Content-Type: {other}'"
            yield f"--data-binary {_quoted(body.example)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
