"""Foreign seals that trusted lists vouch for, and what every report says of a qualified seal."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from app.adapters.trustlists import FiledLists
from app.credentials import queries, register
from app.formats.jades import Level
from app.formats.qualified import Answer
from app.formats.strict import write_json
from app.ports import (
    Criteria,
    ListedService,
    Ports,
    PublicKey,
    Qualification,
    Signer,
    Slot,
    TrustedList,
    TrustedLists,
)
from app.verification.report import Report, Result
from app.verification.trust import Keyring
from tests.adapters.test_trustlists import Web, read_here
from tests.calling import Caller
from tests.fakes import SetClock
from tests.formats import make
from tests.formats.seals import ASKED, holder, sealer
from tests.pki import lists
from tests.pki.authority import DAY, ESIGN, YEAR, Holder, Pki, qc_statements
from tests.pki.samples import Sealer
from tests.verification.issued import Issued, meddle
from tests.verification.sealing import (
    as_ours,
    codes,
    entry_of,
    foreign,
    own,
    reported,
    ring,
    seal_of,
    stranger,
)
from tests.verification.test_sealed_public import issue, posted

PKI = sealer().pki
SINCE = PKI.at - 2 * YEAR
LISTED = {"issuer-trusted-sealed", "issuer-trusted-sealed-then"}


def service(**changes: Any) -> ListedService:
    return replace(ListedService("TEST", PKI.issuing.ders[:1], SINCE, None, for_seals=True), **changes)


def listing(*services: ListedService, ends: datetime = ASKED + 90 * DAY) -> TrustedLists:
    made = TrustedList("it.xml", "IT", 5, PKI.at, ends, PKI.at, services or (service(),))
    return TrustedLists((made,), complete=True)


def under(lists: TrustedLists | None) -> Keyring:
    """No anchor at all: only lists may vouch for anybody."""
    return Keyring((), (), make.DID, {}, stamp_anchors=PKI.stamp_anchors, lists=lists)


def told(report: Report) -> tuple[Answer, str]:
    assert report.qualified is not None
    assert report.qualified.reason.it != report.qualified.reason.en
    assert "{" not in report.qualified.reason.it + report.qualified.reason.en
    return report.qualified.answer, report.qualified.code


def sealed_by(who: Holder, level: Level = Level.B_LTA) -> str:
    return seal_of(foreign(), who, level).general()


def test_a_foreign_seal_that_a_list_makes_qualified_counts_as_under_an_anchor_and_as_qualified() -> None:
    text = sealed_by(stranger())
    report = reported(text, under(listing()))
    assert codes(report)["issuer_trust"] in LISTED
    assert told(report) == (Answer.YES, "qualified-seal")
    assert report.qualified is not None
    assert "IT, no. 5" in report.qualified.reason.en
    # The same rule as for anchors: what else stands in the report stays as it is.
    anchored = reported(text, ring())
    assert (report.result, codes(report)) == (anchored.result, codes(anchored))
    assert told(anchored) == (Answer.NOT_CHECKED, "no-trusted-lists")


def test_without_a_list_it_is_nobodys_seal() -> None:
    report = reported(sealed_by(stranger()), under(None))
    assert codes(report)["issuer_trust"] == "issuer-unknown"
    assert told(report) == (Answer.NOT_CHECKED, "seal-owner-unproven")


def always(*qualifiers: str) -> ListedService:
    criteria = Criteria("all", usages=((frozenset({"nonRepudiation"}), frozenset()),))
    return service(qualifications=(Qualification(frozenset(qualifiers), criteria),))


@pytest.mark.parametrize(
    "lists",
    [
        listing(service(until=PKI.at - DAY)),
        listing(service(since=PKI.at)),
        listing(service(for_seals=False)),
        listing(always("NotQualified")),
        listing(always("QCForESig")),
        listing(service(certificates=Pki(PKI.at).issuing.ders[:1])),
        listing(ends=ASKED),
        listing(ends=PKI.at),
    ],
    ids=["withdrawn", "too new", "not for seals", "not qualified", "signatures", "namesake", "old", "older"],
)
@pytest.mark.parametrize("level", Level)
def test_a_list_that_does_not_make_it_qualified_vouches_for_nothing(
    lists: TrustedLists, level: Level
) -> None:
    report = reported(sealed_by(stranger(), level), under(lists))
    assert codes(report)["issuer_trust"] == "issuer-unknown"
    assert report.result is Result.UNKNOWN
    assert told(report)[0] is not Answer.YES


SIGNER = lists.list_signer(ASKED)
NOT = lists.qualification("NotQualified")
AND_MORE = (
    f'<Extension Critical="true"><q:Qualifications>{lists.qualification("QCWithQSCD")}</q:Qualifications>'
    "</Extension>"
)
UNKNOWN = (
    '<q:CriteriaList assert="all"><q:KeyUsage><q:KeyUsageBit name="nonRepudiation">true</q:KeyUsageBit>'
    "</q:KeyUsage><q:otherCriteriaList><q:Strange/></q:otherCriteriaList></q:CriteriaList>"
)


def written(folder: Path, *services: lists.Service) -> TrustedLists:
    """A list as it is written and signed, and read by the service."""
    file = folder / "it.xml"
    file.write_bytes(SIGNER.sign(lists.national(services, at=PKI.at, next_update=ASKED + YEAR)))
    kept = FiledLists(
        [str(file)],
        signers=[SIGNER.der],
        folder=folder / "lists",
        clock=SetClock(ASKED),
        outbound=Web(),
        reads=read_here,
    )
    kept.refresh()
    return kept.current()


def listed(**changes: object) -> lists.Service:
    return lists.of(PKI, **({"now": lists.Status(SINCE)} | changes))


DOUBT = (Answer.NOT_CHECKED, "certificate-unreadable")


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ((listed(),), (Answer.YES, "qualified-seal")),
        ((listed(qualifications=NOT, extension=AND_MORE),), (Answer.NO, "certificate-not-qualified")),
        ((listed(), listed(qualifications=lists.qualification("NotQualified", criteria=UNKNOWN))), DOUBT),
        ((listed(), listed(extension='<Extension Critical="true"><q:X/></Extension>')), DOUBT),
        ((listed(qualifications=lists.qualification("QCNoSuchThing")),), DOUBT),
        (
            (listed(now=lists.Status(ASKED), before=(lists.Status(SINCE),)),),
            (Answer.YES, "qualified-seal"),
        ),
    ],
    ids=["granted", "said in two places", "criteria", "critical", "qualifier", "history without certificate"],
)
def test_nothing_that_a_list_says_against_a_seal_is_lost_on_the_way_to_the_report(
    tmp_path: Path, services: tuple[lists.Service, ...], found: tuple[Answer, str]
) -> None:
    said = written(tmp_path, *services)
    text = sealed_by(stranger())
    assert told(reported(text, replace(ring(), lists=said))) == found
    unanchored = codes(reported(text, under(said)))["issuer_trust"]
    assert (unanchored in LISTED) is (found[0] is Answer.YES)


def test_a_person_under_a_listed_authority_is_not_taken_for_the_organisation_that_is_named() -> None:
    person = PKI.seal(statements=qc_statements(types=(ESIGN,)))
    report = reported(sealed_by(person), under(listing()))
    assert codes(report)["issuer_trust"] == "issuer-unknown"
    anchored = reported(sealed_by(person), replace(ring(), lists=listing()))
    assert told(anchored) == (Answer.NO, "certificate-not-qualified")


def test_a_seal_without_a_qualified_device_is_an_advanced_one_on_a_qualified_basis() -> None:
    plain = PKI.seal(statements=qc_statements(device=False))
    report = reported(sealed_by(plain), under(listing()))
    assert codes(report)["issuer_trust"] in LISTED
    assert told(report) == (Answer.NO, "qualified-certificate-only")


def test_the_status_counts_that_was_granted_at_the_time_that_a_time_stamp_proves() -> None:
    text = sealed_by(stranger())
    later = listing(service(until=PKI.at + timedelta(hours=1)))
    report = reported(text, under(later))
    assert told(report) == (Answer.YES, "qualified-seal")
    unproven = reported(sealed_by(stranger(), Level.B_B), under(later))
    assert codes(unproven)["issuer_trust"] == "issuer-unknown"


def test_a_revoked_or_broken_seal_is_never_a_qualified_one() -> None:
    pki = Pki(PKI.at)
    by = pki.seal()
    pki.revoke(by, PKI.at - DAY)
    text = Sealer(pki).sealed(by, Level.B_LTA, content=write_json(foreign())).general()
    lists = listing(service(certificates=pki.issuing.ders[:1]))
    keys = Keyring((), (), make.DID, {}, stamp_anchors=pki.stamp_anchors, lists=lists)
    report = reported(text, keys)
    assert (report.result, codes(report)["issuer_trust"]) == (Result.INVALID, "issuer-revoked")
    assert told(report) == (Answer.NO, "seal-does-not-hold")
    broken = reported(text[:-200] + "A" + text[-199:], keys)
    assert broken.result is Result.INVALID
    assert broken.qualified is None


def test_without_word_that_it_was_not_revoked_nothing_is_said_of_it() -> None:
    report = reported(sealed_by(stranger(), Level.B_T), under(listing()))
    assert codes(report)["issuer_trust"] == "issuer-revocation-unknown"
    assert told(report) == (Answer.NOT_CHECKED, "seal-owner-unproven")


def test_of_our_own_documents_the_same_is_said_and_of_seals_for_trying_that_nobody_checked() -> None:
    text, entry = own().general(), entry_of(own())
    meant = replace(ring(as_ours(holder("ES256"))), lists=listing())
    assert told(reported(text, meant, entry)) == (Answer.YES, "qualified-seal")
    old = replace(meant, lists=listing(ends=ASKED))
    assert told(reported(text, old, entry)) == (Answer.NOT_CHECKED, "trusted-list-old")
    trying = replace(ring(as_ours(holder("ES256"), development=True)), lists=listing())
    assert told(reported(text, trying, entry)) == (Answer.NOT_CHECKED, "seal-for-trying")


def test_no_flipped_byte_of_a_seal_under_a_list_is_accepted() -> None:
    raw, accepted, tried = sealed_by(stranger()).encode(), 0, 0
    keys = under(listing())
    for place in range(0, len(raw), 211):
        changed = bytearray(raw)
        changed[place] ^= 1 << place % 7
        report = reported(changed.decode("utf-8", "replace"), keys)
        tried += 1
        accepted += report.qualified is not None and report.qualified.answer is Answer.YES
        accepted += report.result in {Result.VALID, Result.VALID_WITH_WARNINGS}
    print(f"{tried} flips, {accepted} accepted")  # noqa: T201
    assert accepted == 0


class Lists:
    """Lists that somebody else keeps up."""

    def __init__(self, lists: TrustedLists) -> None:
        self.lists = lists

    def current(self) -> TrustedLists:
        return self.lists

    def keep_up(self, stop: Event, *, refreshing: bool) -> None:
        del stop, refreshing


@dataclass
class Bought:
    """All as before, but for a seal that a trust service provider vouches for."""

    signer: Signer
    seal: PublicKey

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        return self.seal if slot is Slot.EDC_SEAL else self.signer.current(slot, body)

    def published(self) -> tuple[PublicKey, ...]:
        return (*self.signer.published(), self.seal)

    def anchors(self) -> tuple[bytes, ...]:
        return self.signer.anchors()

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        return self.signer.sign(thumbprint, message)


def test_every_report_and_its_page_say_whether_the_seal_is_qualified(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    text = issue(live, credential).general()
    report = posted(stranger, text)
    assert set(report["qualified"]) == {"answer", "code", "reason", "trusted_list"}
    assert (report["qualified"]["answer"], report["qualified"]["trusted_list"]) == ("not_checked", None)
    for language, words in (
        ("it", "Se sia un sigillo qualificato"),
        ("en", "Whether it is a qualified seal"),
    ):
        page = stranger.post(f"/v?lang={language}", files={"file": ("x.jsonld", text.encode())})
        assert words in page.text
    number = stranger.get(f"/v/{credential.number}.json").json()
    assert number["qualified"]["answer"] == "not_checked"
    assert posted(stranger, text[:-40] + "}")["qualified"] is None


def called_qualified(ports: Ports, credential: Issued, sealed_by: PublicKey | None = None) -> bool:
    with ports.database.reading(credential.by.organisation_id) as session:
        found = queries.by_id(session, credential.id)
        return register.sheet_of(session, ports, found, found.periods[0], sealed_by=sealed_by).qualified


def test_the_attestation_calls_its_seal_qualified_only_where_a_list_in_force_does(
    live: Ports, credential: Issued
) -> None:
    at = live.clock.now()
    pki = Pki(at)
    service = ListedService("TEST", pki.issuing.ders[:1], at - YEAR, None, for_seals=True)
    in_force = Lists(listing(service, ends=at + DAY))
    bought = replace(pki.seal().public, slot=Slot.EDC_SEAL)
    plain = replace(pki.seal(statements=qc_statements(device=False)).public, slot=Slot.EDC_SEAL)
    for key, source, expected in (
        (live.signer.current(Slot.EDC_SEAL), in_force, False),
        (bought, None, False),
        (bought, Lists(listing(service, ends=at)), False),
        (bought, Lists(listing(replace(service, until=at), ends=at + DAY)), False),
        (plain, in_force, False),
        (replace(bought, development=True), in_force, False),
        (bought, in_force, True),
    ):
        assert called_qualified(replace(live, trusted_lists=source), credential, key) is expected
    demonstration = replace(live, trusted_lists=in_force, clock=SetClock(at + 30 * DAY, offset=30 * DAY))
    assert called_qualified(demonstration, credential, bought)  # lists go by the time of the world


def test_a_page_on_paper_goes_by_the_seals_of_the_documents_that_stand_and_not_by_todays_key(
    live: Ports, credential: Issued
) -> None:
    at = live.clock.now()
    pki = Pki(at)
    service = ListedService("TEST", pki.issuing.ders[:1], at - YEAR, None, for_seals=True)
    bought = Bought(live.signer, replace(pki.seal().public, slot=Slot.EDC_SEAL))
    ports = replace(live, signer=bought, trusted_lists=Lists(listing(service, ends=at + DAY)))
    issue(live, credential)  # under the key before it
    assert not called_qualified(ports, credential)

    def sealed_with(key: PublicKey, *forms: str) -> None:
        for form in forms:
            meddle(
                ports,
                "UPDATE document SET key_thumbprint = :key WHERE format = :form",
                key=key.thumbprint,
                form=form,
            )

    sealed_with(bought.seal, "edc")
    assert not called_qualified(ports, credential)  # the others are under another seal
    sealed_with(bought.seal, "vc+jwt", "ob+jwt")
    assert called_qualified(ports, credential)
    assert not called_qualified(replace(ports, signer=live.signer), credential)  # a key that nobody knows
    lost = replace(bought, seal=replace(bought.seal, compromised_at=at))
    assert not called_qualified(replace(ports, signer=lost), credential)
    meddle(ports, "UPDATE document SET superseded_at = issued_at WHERE format != 'qr'")
    assert not called_qualified(ports, credential)  # nothing stands that could bear one
