"""The mail port: what every mailer promises, and SMTP spoken with a real server on this machine."""

import asyncio
import gc
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.adapters.keys import FileKeys, TlsFiles
from app.adapters.mail import FolderMailer, SmtpMailer
from app.ports import Mail, Mailer, MailRefused, MailUnreachable
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_mail import MemoryMailer
from tests.serving import free_port

ELSEWHERE = "127.0.0.2"  # this machine too, under an address that the settings do not know as such
SENDER = "register@example.org"
MAIL = Mail(
    to="anna@example.org",
    subject="La Sua attestazione è in scadenza / Your attestation expires",
    text="Gentile Anna Perù,\n\n.\nÈ ora.\n" + "Numero: " + "x" * 300 + "\n",
    message_id="msg_abc",
)


@dataclass
class Post:
    """A mail server's memory, and what it answers."""

    letters: list[bytes] = field(default_factory=list)
    recipient: str = "250 OK"
    data: str = "250 OK"
    secure: list[bool] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the server's own name for it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server
        self.secure.append(session.ssl is not None)
        self.signed_in.append(session.authenticated is True)
        if self.data.startswith("250") or self.data == "late":
            assert isinstance(envelope.content, bytes)
            self.letters.append(envelope.content)
        if self.data == "late":
            await asyncio.Event().wait()
        return self.data


@contextmanager
def serving(post: Post, **how: object) -> Iterator[int]:
    options: dict[str, Any] = {"hostname": "127.0.0.1", **how}
    controller = Controller(post, port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def port(post: Post) -> Iterator[int]:
    with serving(post) as port:
        yield port


@pytest.fixture
def smtp(port: int, clock: SetClock) -> SmtpMailer:
    return SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER, clock)


@dataclass
class Kept:
    """A mailer, and how to see what was handed over with it."""

    mailer: Mailer
    letters: Callable[[], int]


@pytest.fixture(params=["smtp", "folder", "memory"])
def kept(request: pytest.FixtureRequest, clock: SetClock, tmp_path: Path) -> Kept:
    if request.param == "smtp":
        post: Post = request.getfixturevalue("post")
        return Kept(request.getfixturevalue("smtp"), lambda: len(post.letters))
    if request.param == "folder":
        folder = tmp_path / "mail"
        return Kept(FolderMailer(folder, SENDER, clock), lambda: len(list(folder.glob("*.eml"))))
    memory = MemoryMailer(clock)
    return Kept(memory, lambda: len(memory.letters))


def read(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_letter_is_handed_over_once(kept: Kept) -> None:
    kept.mailer.send(MAIL)
    assert kept.letters() == 1


@pytest.mark.parametrize(
    "to",
    [
        "",
        "anna",
        "anna@",
        "@example.org",
        "anna@example.org, bruno@example.org",
        "anna@example.org\r\nBcc: bruno@example.org",
        "anna@example.org>\r\nRCPT TO:<bruno@example.org",
        "Anna <anna@example.org>",
        "anna@example.org anna",
        "anna\x00@example.org",
        "anna@[",
        "anna(",
        "\ud800@example.org",
    ],
)
def test_what_is_no_single_address_is_refused_and_nothing_goes_out(kept: Kept, to: str) -> None:
    with pytest.raises(MailRefused):
        kept.mailer.send(replace(MAIL, to=to))
    assert kept.letters() == 0


def test_no_name_breaks_out_of_a_header(kept: Kept) -> None:
    for name in ("Anna\r\nBcc: bruno@example.org", "Anna\nX: y", "Anna\x00", "Anna\u2028X: y"):
        with pytest.raises(MailRefused):
            kept.mailer.send(replace(MAIL, subject=name))
    assert kept.letters() == 0


def test_a_refusal_tells_no_address(kept: Kept) -> None:
    with pytest.raises(MailRefused) as refused:
        kept.mailer.send(replace(MAIL, to="anna@example.org, bruno@example.org"))
    assert "anna" not in str(refused.value)


def test_every_name_travels_as_it_is_written(smtp: SmtpMailer, post: Post) -> None:
    names = [
        *(
            "O'Brien",
            "D'Àngelo-Müller",
            "Łukasz Żółć",
            "李明",
            "עדה",
            "a" * 200,
            "<b>",
            '"q"',
        ),
        *("; DROP", "%s", "{x}", "🎓", "e\u0301", "From me", ".", "..", "\\", "--=_boundary"),
    ]
    for name in names:
        smtp.send(replace(MAIL, subject=f"Per {name}", text=f"From {name}\n.\n{name}\n"))
    for name, letter in zip(names, map(read, post.letters), strict=True):
        assert letter["Subject"] == f"Per {name}"
        assert letter.get_content().replace("\r\n", "\n") == f"From {name}\n.\n{name}\n"
        assert letter.get_all("To") == ["anna@example.org"]


def test_a_letter_says_who_writes_and_that_nobody_need_answer(smtp: SmtpMailer, post: Post) -> None:
    smtp.send(MAIL)
    letter = read(post.letters[0])
    assert letter["From"] == SENDER
    assert letter["To"] == MAIL.to
    assert letter["Subject"] == MAIL.subject
    assert letter["Date"].datetime == START
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().replace("\r\n", "\n") == MAIL.text
    assert max(len(line) for line in post.letters[0].split(b"\r\n")) < 999


def test_a_domain_in_letters_of_its_own_is_reached(smtp: SmtpMailer, post: Post) -> None:
    smtp.send(replace(MAIL, to="anna@münchen.example"))
    assert read(post.letters[0])["To"] == "anna@xn--mnchen-3ya.example"


def test_the_same_letter_sent_again_can_be_told_by_its_message_id(smtp: SmtpMailer, post: Post) -> None:
    smtp.send(MAIL)
    smtp.send(MAIL)
    assert {read(content)["Message-ID"] for content in post.letters} == {"<msg_abc@example.org>"}


@pytest.mark.parametrize("answer", ["550 5.1.1 No such user", "553 Bad mailbox", "501 Syntax"])
def test_a_mailbox_that_is_not_there_is_refused_for_good(smtp: SmtpMailer, post: Post, answer: str) -> None:
    post.recipient = answer
    with pytest.raises(MailRefused):
        smtp.send(MAIL)


@pytest.mark.parametrize(
    "answer",
    [
        "450 4.2.1 Try later",
        "452 Full",
        "530 5.7.0 Sign in first",
        "554 5.7.1 Relay access denied",
        "421 Bye",
    ],
)
def test_what_may_end_or_is_about_ourselves_is_tried_again(smtp: SmtpMailer, post: Post, answer: str) -> None:
    post.recipient = answer
    with pytest.raises(MailUnreachable):
        smtp.send(MAIL)


def test_a_letter_that_the_server_will_not_have_is_refused(smtp: SmtpMailer, post: Post) -> None:
    post.data = "554 5.6.0 We do not like it"
    with pytest.raises(MailRefused):
        smtp.send(MAIL)
    post.data = "451 4.3.0 Later"
    with pytest.raises(MailUnreachable):
        smtp.send(MAIL)


def test_a_server_that_answers_too_late_is_out_of_reach_and_gets_the_same_letter_again(
    smtp: SmtpMailer, port: int, post: Post, clock: SetClock
) -> None:
    post.data = "late"
    with pytest.raises(MailUnreachable):
        SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER, clock, seconds=1).send(MAIL)
    post.data = "250 OK"
    smtp.send(MAIL)
    assert [read(content)["Message-ID"] for content in post.letters] == ["<msg_abc@example.org>"] * 2


def test_a_server_that_is_not_there_is_out_of_reach(clock: SetClock) -> None:
    with pytest.raises(MailUnreachable) as raised:
        SmtpMailer(f"smtp://user:hunter2@127.0.0.1:{free_port()}", SENDER, clock).send(MAIL)
    assert "hunter2" not in str(raised.value)


# TLS


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    return FileKeys(tmp_path / "keys", at=START).tls(["localhost", ELSEWHERE], START)


@pytest.fixture
def served(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


@pytest.fixture
def trusting(tls: TlsFiles) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tls.authority))


def authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    del server, session, envelope, mechanism
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"office@x", b"p/w:1"))


def test_a_connection_that_is_encrypted_from_the_start_carries_the_password(
    post: Post, served: ssl.SSLContext, trusting: ssl.SSLContext, clock: SetClock
) -> None:
    # The server does not count a connection that was encrypted all along as one that may carry passwords.
    with serving(post, ssl_context=served, authenticator=authenticate, auth_require_tls=False) as port:
        SmtpMailer(f"smtps://office%40x:p%2Fw%3A1@localhost:{port}", SENDER, clock, context=trusting).send(
            MAIL
        )
        # This server says no more once it has refused a password: it is not waited for.
        wrong = f"smtps://office%40x:wrong@localhost:{port}"
        mailer = SmtpMailer(wrong, SENDER, clock, context=trusting, seconds=1)
        with pytest.raises(MailUnreachable):
            mailer.send(MAIL)
    assert post.signed_in == [True]


# The server of the test lets go of a connection that was never greeted only once it is looked for.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    post: Post, served: ssl.SSLContext, clock: SetClock
) -> None:
    with serving(post, ssl_context=served) as port, pytest.raises(MailUnreachable):
        SmtpMailer(f"smtps://localhost:{port}", SENDER, clock).send(MAIL)
    gc.collect()
    assert post.letters == []


def test_a_connection_to_another_machine_turns_to_tls_before_anything_is_said(
    post: Post, served: ssl.SSLContext, trusting: ssl.SSLContext, clock: SetClock
) -> None:
    with serving(post, hostname=ELSEWHERE, tls_context=served, require_starttls=True) as port:
        SmtpMailer(f"smtp://{ELSEWHERE}:{port}", SENDER, clock, context=trusting).send(MAIL)
    assert post.secure == [True]


def test_a_server_elsewhere_that_offers_no_tls_gets_nothing(post: Post, clock: SetClock) -> None:
    with serving(post, hostname=ELSEWHERE) as port, pytest.raises(MailUnreachable):
        SmtpMailer(f"smtp://{ELSEWHERE}:{port}", SENDER, clock).send(MAIL)
    assert post.letters == []


# The folder


def test_kept_mail_is_for_the_eyes_of_the_service_alone(clock: SetClock, tmp_path: Path) -> None:
    folder = tmp_path / "deep/mail"
    FolderMailer(folder, SENDER, clock).send(MAIL)
    (path,) = folder.iterdir()
    assert path.name == "msg_abc.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert read(path.read_bytes()).get_content().replace("\r\n", "\n") == MAIL.text


def test_the_same_letter_kept_again_stays_one_file(clock: SetClock, tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "mail", SENDER, clock)
    mailer.send(MAIL)
    mailer.send(MAIL)
    assert len(list(mailer.folder.iterdir())) == 1


def test_mail_that_cannot_be_kept_is_tried_again(clock: SetClock, tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    with pytest.raises(MailUnreachable):
        FolderMailer(tmp_path / "mail", SENDER, clock).send(MAIL)


@pytest.mark.parametrize("mark", ["", "../msg", "a b", "a>", "a\n", "x" * 65])
def test_a_letter_is_marked_in_plain_characters_only(clock: SetClock, tmp_path: Path, mark: str) -> None:
    with pytest.raises(ValueError, match="marked"):
        FolderMailer(tmp_path, SENDER, clock).send(replace(MAIL, message_id=mark))
