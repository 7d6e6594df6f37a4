"""A mailer that keeps letters in memory, held to the contract of the real ones."""

from dataclasses import dataclass, field

from app.adapters.mail import written
from app.ports import Clock, Mail, MailRefused, MailUnreachable


@dataclass
class MemoryMailer:
    """Keeps every letter it was handed, in order; refuses whom it is told to, and can be out of reach."""

    clock: Clock
    letters: list[Mail] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    reachable: bool = True

    def send(self, mail: Mail) -> None:
        written(mail, "register@example.org", self.clock)
        if not self.reachable:
            raise MailUnreachable("Out of reach.")
        if mail.to in self.refused:
            raise MailRefused("Nobody there.")
        self.letters.append(mail)

    def to(self, address: str) -> list[Mail]:
        return [mail for mail in self.letters if mail.to == address]
