"""E-mail: handed to an SMTP server over TLS, or kept in a folder as long as none is set."""

import asyncio
import os
import re
import secrets
import ssl
from contextlib import suppress
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.core.hosts import LOOPBACK
from app.ports import Clock, Mail, MailRefused, MailUnreachable

# All of one letter, from connecting to the last answer: well within the lease of a message.
SECONDS: Final = 20.0
LEAVE_SECONDS: Final = 2.0
_PORTS: Final = {"smtps": 465, "smtp": 587}
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AUTHENTICATION_WANTED: Final = frozenset({530, 534, 535, 538})
_POLICY: Final = re.compile(r"5\.7\.[0-9]")  # RFC 3463: it is we who may not send, the address may be fine


class SmtpMailer:
    """A mail server, spoken to over TLS; a name and password never cross a network in clear."""

    def __init__(
        self,
        url: str,
        sender: str,
        clock: Clock,
        *,
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._use_tls = parts.scheme == "smtps"
        self._start_tls = not self._use_tls and self._host not in LOOPBACK
        self._context = context or ssl.create_default_context()
        self._sender = sender
        self._clock = clock
        self._seconds = seconds

    def send(self, mail: Mail) -> None:
        """Hand a letter over, or raise. What is raised names nobody: an outbox logs it."""
        message = written(mail, self._sender, self._clock)
        try:
            asyncio.run(self._deliver(message))
        except (OSError, TimeoutError, aiosmtplib.SMTPException) as error:
            raise MailUnreachable(f"The mail server could not be reached ({type(error).__name__}).") from None

    async def _deliver(self, message: EmailMessage) -> None:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            use_tls=self._use_tls,
            start_tls=self._start_tls,
            tls_context=self._context,
        )
        try:
            async with asyncio.timeout(self._seconds):
                await client.connect()
                await _hand_over(client, message)
            # The letter is theirs now. However they take their leave, it must not be sent again.
            with suppress(OSError, TimeoutError, aiosmtplib.SMTPException):
                await client.quit(timeout=LEAVE_SECONDS)
        finally:
            client.close()


async def _hand_over(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    try:
        await client.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        _judge(error.recipients[0])
    except aiosmtplib.SMTPDataError as error:
        _judge(error)
    except (aiosmtplib.SMTPNotSupported, ValueError):
        raise MailRefused("The mail server cannot write to such an address.") from None


def _judge(answer: aiosmtplib.SMTPResponseException) -> NoReturn:
    """Tell a refusal of this address or letter from one that may end, or that is about ourselves."""
    ours = answer.code in _AUTHENTICATION_WANTED or _POLICY.match(answer.message)
    if answer.code // 100 == 5 and not ours:  # noqa: PLR2004 - RFC 5321, 4.2.1: permanent negative
        raise MailRefused(f"The mail server answered {answer.code}.") from None
    raise MailUnreachable(f"The mail server answered {answer.code}.") from None


class FolderMailer:
    """A folder in place of a mail server: each letter is a file there, and nothing is lost."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self.folder = folder
        self._sender = sender
        self._clock = clock

    def send(self, mail: Mail) -> None:
        """Keep a letter, whole or not at all; the same one again takes its own place."""
        content = written(mail, self._sender, self._clock).as_bytes()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._keep(content, f"{mail.message_id}.eml")
        except OSError as error:
            raise MailUnreachable(f"The letter could not be kept ({type(error).__name__}).") from None

    def _keep(self, content: bytes, name: str) -> None:
        incoming = self.folder / f"incoming-{secrets.token_hex(16)}"
        try:
            descriptor = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            incoming.replace(self.folder / name)
        finally:
            incoming.unlink(missing_ok=True)


def written(mail: Mail, sender: str, clock: Clock) -> EmailMessage:
    """Put a letter into its envelope; whatever would break out of a header is refused."""
    if not _MESSAGE_ID.fullmatch(mail.message_id):
        raise ValueError("A letter is marked with letters, digits, - and _.")
    if not (mail.subject.isprintable() and mail.to.isprintable()):
        raise MailRefused("A control character stands in a header.")
    message = EmailMessage(policy=policy.SMTP)
    message["To"] = _address(mail.to)
    message["From"] = sender
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: an answering machine must not answer
    message["Content-Language"] = "it, en"
    message.set_content(mail.text)
    return message


def _address(text: str) -> Address:
    """Read one plain address; a domain in letters of its own is written as the mail system knows it."""
    try:
        read = Address(addr_spec=text)
        address = Address(username=read.username, domain=read.domain.encode("idna").decode())
    except (ValueError, IndexError, AttributeError, MessageError):  # as the standard library's parser goes
        raise MailRefused("The address is not one.") from None
    if not (address.username and address.domain):
        raise MailRefused("The address is not one.")
    return address
