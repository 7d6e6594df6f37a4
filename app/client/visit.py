"""One run of a member's command: whose it is, where the service is, how it speaks, and how it ends."""

import errno
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from functools import cached_property, wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec

import typer
from rich.console import Console

from app.client import account, pending, terminal
from app.client.account import Account
from app.client.api import Api, Json, NotUsable, Refused, Strange, Unreachable, address
from app.client.private import NotPrivate
from app.client.words import Language, Told, Voice, language

HERE: Final = "http://localhost:8000"
SPOKEN: Final = "sigillo.language"
PANEL: Final = "For every command"


class Ends(IntEnum):
    """How a command ends: the codes that a script can go by."""

    OK = 0
    BROKEN = 1  # a defect of the command
    USAGE = 2  # what was asked for, or the file that was given, is to be mended
    REFUSED = 3  # understood, and no: not eligible, not accepted, not valid
    SIGN_IN = 4  # the key
    NETWORK = 5  # no answer: trying again is safe
    INTERRUPTED = 130


class NotSignedIn(Told):
    """There is no key for what was asked."""


class Declined(Told):
    """What was asked for is understood, and cannot be done as things stand."""


class Stopped(Exception):
    """The command has said all there is to say, and ends with a code."""

    def __init__(self, code: Ends) -> None:
        self.code = code
        super().__init__(code.name)


class Visit:
    """What a member's command works with."""

    def __init__(self, spoken: Language, *, url: str | None, key: str | None, as_json: bool) -> None:
        self.voice = Voice(spoken)
        self.as_json = as_json
        self.out = Console(highlight=False)
        self.errors = Console(stderr=True, highlight=False)
        self.url_asked = url
        self.key_asked = key
        self._writes = False
        self._open: list[Api] = []

    @cached_property
    def account(self) -> Account:
        """Find the sign-in: the key that was given, else the kept one, which goes only to its own service."""
        if self.key_asked:
            return Account(address(self.url, with_key=True), self.key_asked)
        kept = account.kept()
        if kept is None:
            raise NotSignedIn("not-signed-in")
        if self.url_asked and address(self.url_asked, with_key=True) != kept.url:
            raise NotSignedIn("signed-in-elsewhere", kept=kept.url, asked=self.url_asked)
        return kept

    @property
    def url(self) -> str:
        """Say where the service is: as asked, else where somebody signed in, else on this machine."""
        if self.url_asked:
            return self.url_asked
        kept = account.kept()
        return kept.url if kept else HERE

    @property
    def asks(self) -> bool:
        """Tell whether there is somebody at a terminal who can be asked."""
        return sys.stdin.isatty() and not self.as_json

    @cached_property
    def api(self) -> Api:
        """Call the service as whoever signed in; a command that only reads says what waits, and leaves it."""
        made = self.calling(self.account.url, self.account.key)
        if not self._writes:
            with suppress(NotPrivate):  # of no concern to whoever only reads
                for waiting in self.outbox.waiting():
                    self.note("waits", what=self._named(waiting))
        return made

    def begin_writing(self) -> int:
        """Send again what got no answer the last time, as every command that writes does first.

        Tells how much waits even now.
        """
        self._writes = True
        left = 0
        for waiting, answer in self.outbox.again(self.api):
            what = self._named(waiting)
            if isinstance(answer, Unreachable | NotUsable):
                self.note("sent-again-unanswered", what=what, why=answer.said(self.voice))
                left += 1
            elif isinstance(answer, Refused):
                kept = answer.is_about_the_key
                self.note("sent-again-kept" if kept else "sent-again-refused", what=what)
                if answer.is_unknown_key:  # and so is all else that this key would ask for
                    raise answer
                terminal.refusal(self.errors, answer, self.voice)
                left += kept
            else:
                self.note("sent-again", what=what)
        return left

    def _named(self, waiting: pending.Waiting) -> str:
        title = waiting.body.get("title")
        return self.say("an-activity", title=title) if title else self.say("a-renewal")

    @cached_property
    def anyone(self) -> Api:
        """Call the service as anybody may, without a key."""
        return self.calling(self.url)

    @property
    def outbox(self) -> pending.Outbox:
        return pending.Outbox(self.account.url, self.account.mark)

    def calling(self, url: str, key: str | None = None) -> Api:
        made = Api(url, key)
        self._open.append(made)
        return made

    def say(self, code: str, **facts: object) -> str:
        return self.voice.say(code, **facts)

    def print(self, code: str, style: str | None = None, **facts: object) -> None:
        """Say a sentence as a part of the answer, unless the answer is for a program."""
        if not self.as_json:
            self.out.print(self.say(code, **facts), style=style, markup=False)

    def note(self, code: str, **facts: object) -> None:
        """Say a sentence beside the answer."""
        self.errors.print(self.say(code, **facts), markup=False)

    def answer(self, found: Any) -> None:
        """Give the answer to a program."""
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))

    def close(self) -> None:
        for made in self._open:
            made.close()

    def failed(self, code: Ends, said: str, problem: Json | None = None) -> typer.Exit:
        """End with a code; a program is told in JSON why."""
        if self.as_json:
            self.answer({"error": {**(problem or {}), "exit": int(code), "message": said}})
        return typer.Exit(code)


@contextmanager
def _ending(visit: Visit) -> Iterator[None]:
    """End every run with a sentence and a code, and never with a traceback."""
    try:
        yield
    except Stopped as stopped:
        raise typer.Exit(stopped.code) from None
    except Refused as refused:
        raise _refused(visit, refused) from None
    except Unreachable as unreachable:
        visit.errors.print(unreachable.said(visit.voice), style="red", markup=False)
        raise visit.failed(Ends.NETWORK, unreachable.said(visit.voice), {"code": unreachable.code}) from None
    except Strange as strange:
        visit.errors.print(strange.said(visit.voice), style="red", markup=False)
        raise visit.failed(Ends.NETWORK, strange.said(visit.voice), {"code": strange.code}) from None
    except Told as told:
        code = Ends.SIGN_IN if isinstance(told, NotSignedIn | NotPrivate) else Ends.USAGE
        code = Ends.REFUSED if isinstance(told, Declined) else code
        visit.errors.print(told.said(visit.voice), style="red", markup=False)
        raise visit.failed(code, told.said(visit.voice), {"code": told.code}) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read our output has heard enough
            raise
        said = visit.say("file-unreadable", path=error.filename or "?", why=error.strerror)
        visit.errors.print(said, style="red", markup=False)
        raise visit.failed(Ends.USAGE, said) from None
    except (LookupError, TypeError, AttributeError, ValueError) as defect:
        place = traceback.extract_tb(defect.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        said = visit.say("broken", why=type(defect).__name__, place=where)  # its words may be personal
        visit.errors.print(said, style="red", markup=False)
        raise visit.failed(Ends.BROKEN, said, {"code": "broken"}) from None
    except (KeyboardInterrupt, EOFError, typer.Abort):
        visit.errors.print()
        visit.note("interrupted")
        raise typer.Exit(Ends.INTERRUPTED) from None
    finally:
        visit.close()


def _refused(visit: Visit, refused: Refused) -> typer.Exit:
    if refused.is_about_the_key:
        said = visit.say("key-refused" if refused.is_unknown_key else "key-not-enough", url=visit.url)
        visit.errors.print(said, style="red", markup=False)
        return visit.failed(Ends.SIGN_IN, said, refused.problem)
    terminal.refusal(visit.errors, refused, visit.voice)
    return visit.failed(Ends.REFUSED, str(refused), refused.problem)


def remember_language(context: typer.Context, asked: Language | None) -> Language | None:
    """Keep the language for whatever is said from here on, help included."""
    if asked is not None:
        context.meta[SPOKEN] = asked
    return asked


def spoken(context: typer.Context) -> Language:
    return language(context.meta.get(SPOKEN))


Lang = Annotated[
    Language | None,
    typer.Option(
        "--lang",
        is_eager=True,
        callback=remember_language,
        rich_help_panel=PANEL,
        help="Italian or English; by default what SIGILLO_LANG says, then this machine's language.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=PANEL, help="Answer with JSON on standard output, for programs."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SIGILLO_URL",
        rich_help_panel=PANEL,
        help="Where the service is; by default where you signed in.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="SIGILLO_KEY",
        rich_help_panel=PANEL,
        help="A personal key instead of the sign-in; better in the environment than here.",
    ),
]
_Own = ParamSpec("_Own")


def member(command: Callable[Concatenate[Visit, _Own], None]) -> Callable[..., None]:
    """Give a command what all members' commands have: language, JSON, address and key, and a good end."""

    @wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        given.pop("lang")
        visit = Visit(
            spoken(context), url=given.pop("url"), key=given.pop("key"), as_json=given.pop("as_json")
        )
        with _ending(visit):
            command(visit, **given)  # type: ignore[call-arg] # Typer gives what the signature asks for

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = list(inspect.signature(command).parameters.values())[1:]
    shared = [
        inspect.Parameter("as_json", keyword, annotation=AsJson, default=False),
        *(
            inspect.Parameter(name, keyword, annotation=annotation, default=None)
            for name, annotation in (("lang", Lang), ("url", Url), ("key", Key))
        ),
    ]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    run.__signature__ = inspect.Signature([context, *own, *shared])  # type: ignore[attr-defined] # read by Typer
    return run
