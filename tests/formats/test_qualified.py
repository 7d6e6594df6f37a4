"""Only a trusted list makes a seal a qualified one, and only with what its certificate says of itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.formats.qualified import Answer, Statements, Why, qualified, statements_of, vouching
from app.formats.strict import Malformed
from app.formats.x509 import UNREADABLE
from app.ports import Criteria, ListedService, Qualification, TrustedList, TrustedLists
from tests.pki.authority import DAY, ESEAL, ESIGN, WEB, YEAR, Holder, Pki, qc_statements

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PKI = Pki(AT)
SEAL = PKI.seal()
ALWAYS = Criteria("atLeastOne", usages=((frozenset({"nonRepudiation"}), frozenset()),))
NEVER = Criteria("all", policies=(frozenset({"1.2.3.4"}),))


def service(**changes: object) -> ListedService:
    made = ListedService("TEST", PKI.issuing.ders[:1], AT - 2 * YEAR, None, for_seals=True)
    return replace(made, **changes)  # type: ignore[arg-type]


def saying(*qualifiers: str, criteria: Criteria = ALWAYS) -> ListedService:
    return service(qualifications=(Qualification(frozenset(qualifiers), criteria),))


def listing(
    *services: ListedService, ends: datetime | None = AT + 90 * DAY, complete: bool = False
) -> TrustedLists:
    one = TrustedList("it.xml", "IT", 5, AT - DAY, ends, AT, services)
    return TrustedLists((one,), complete=complete)


def asked(
    holder: Holder, lists: TrustedLists | None, *, sealed_at: datetime = AT, now: datetime = AT
) -> tuple[Answer, Why]:
    found = qualified(holder.ders, lists, sealed_at=sealed_at, now=now)
    return found.answer, found.why


NOT_QUALIFIED = (Answer.NO, Why.NOT_QUALIFIED)
ONLY_CERTIFICATE = (Answer.NO, Why.NO_DEVICE)
YES = (Answer.YES, Why.QUALIFIED)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (qc_statements(), YES),
        (qc_statements(device=False), ONLY_CERTIFICATE),
        (qc_statements(compliance=False), NOT_QUALIFIED),
        (qc_statements(types=()), NOT_QUALIFIED),
        (qc_statements(types=(ESIGN,)), NOT_QUALIFIED),
        (qc_statements(types=(WEB,)), NOT_QUALIFIED),
        (qc_statements(types=(ESEAL, ESIGN)), NOT_QUALIFIED),
        (qc_statements(elsewhere=True), NOT_QUALIFIED),
        (qc_statements(compliance=False, device=False, types=()), NOT_QUALIFIED),
    ],
)
def test_a_listed_authority_makes_qualified_what_its_certificates_say_of_themselves(
    said: bytes, found: tuple[Answer, Why]
) -> None:
    assert asked(PKI.seal(statements=said), listing(service())) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (saying("NotQualified"), NOT_QUALIFIED),
        (saying("NotQualified", "QCStatement"), NOT_QUALIFIED),
        (saying("NotQualified", criteria=NEVER), YES),
        (saying("QCNoQSCD"), ONLY_CERTIFICATE),
        (saying("QCNoQSCD", "QCWithQSCD"), ONLY_CERTIFICATE),
        (saying("QCNoSSCD"), ONLY_CERTIFICATE),
        (saying("QCForESig"), NOT_QUALIFIED),
        (saying("QCForESeal"), YES),
        (saying("QCForESeal", "QCForESig"), NOT_QUALIFIED),
        (saying("QCForLegalPerson"), YES),
        (saying("QCQSCDStatusAsInCert"), YES),
        (service(for_seals=False), NOT_QUALIFIED),
    ],
)
def test_a_list_takes_back_what_a_certificate_says_of_itself(
    given: ListedService, found: tuple[Answer, Why]
) -> None:
    assert asked(SEAL, listing(given)) == found


def test_a_list_adds_what_a_certificate_does_not_say() -> None:
    silent = PKI.seal(statements=qc_statements(compliance=False, device=False, types=()))
    assert asked(silent, listing(saying("QCStatement", "QCForESeal"))) == ONLY_CERTIFICATE
    assert asked(silent, listing(saying("QCStatement", "QCForESeal", "QCWithQSCD"))) == YES
    assert asked(silent, listing(saying("QCStatement", "QCWithQSCD"))) == NOT_QUALIFIED
    assert asked(silent, listing(saying("QCForESeal", "QCQSCDManagedOnBehalf"))) == NOT_QUALIFIED


USED = frozenset({"nonRepudiation"})
POLICY = frozenset({"0.4.0.194112.1.3"})


@pytest.mark.parametrize(
    ("criteria", "holds"),
    [
        (Criteria("all", policies=(POLICY,)), True),
        (Criteria("all", policies=(POLICY | {"1.2.3"},)), False),
        (Criteria("all", usages=((USED, frozenset()),), policies=(POLICY,)), True),
        (Criteria("all", usages=((frozenset(), USED),)), False),
        (Criteria("atLeastOne", usages=((frozenset(), USED),), policies=(POLICY,)), True),
        (Criteria("none", usages=((frozenset(), USED),)), True),
        (Criteria("none", policies=(POLICY,)), False),
        (Criteria("all", purposes=(frozenset({"1.3.6.1.5.5.7.3.4"}),)), False),
        (Criteria("all", attributes=(frozenset({"2.5.4.97"}),)), True),
        (Criteria("all", attributes=(frozenset({"2.5.4.5"}),)), False),
        (Criteria("none", within=(Criteria("all", policies=(POLICY,)),)), False),
        (Criteria("all"), False),
        (Criteria("none"), False),
    ],
)
def test_a_qualification_speaks_of_certificates_that_meet_its_criteria(
    criteria: Criteria, *, holds: bool
) -> None:
    assert asked(SEAL, listing(saying("NotQualified", criteria=criteria))) == (
        NOT_QUALIFIED if holds else YES
    )


def test_the_status_counts_that_was_granted_when_the_seal_was_made_and_the_certificate_issued() -> None:
    ended = service(until=AT - DAY)
    assert asked(SEAL, listing(ended), sealed_at=AT - 2 * DAY) == YES
    assert asked(SEAL, listing(ended)) == (Answer.NO, Why.WITHDRAWN)
    late = service(since=AT - 10 * DAY)  # the certificate is older than that
    assert asked(SEAL, listing(late)) == NOT_QUALIFIED
    early = service(since=AT - 2 * YEAR, until=AT - YEAR)
    assert asked(SEAL, listing(early, service(since=AT - 10 * DAY))) == NOT_QUALIFIED


def test_what_several_services_say_counts_as_the_least_of_it() -> None:
    assert asked(SEAL, listing(service(), saying("QCNoQSCD"))) == ONLY_CERTIFICATE
    assert asked(SEAL, listing(saying("NotQualified"), service())) == NOT_QUALIFIED


@pytest.mark.parametrize("given", [{}, {"for_seals": False}, {"until": AT - DAY}, {"since": AT}])
def test_where_not_all_of_what_is_said_of_an_issuer_was_understood_nobody_can_tell(
    given: dict[str, object],
) -> None:
    for lists in (
        listing(service(doubtful=True, **given)),
        listing(service(), service(doubtful=True, **given)),
    ):
        assert asked(SEAL, lists) == (Answer.NOT_CHECKED, Why.UNREADABLE)
        assert vouching(SEAL.ders, lists, sealed_at=AT, now=AT) == ()


def test_a_doubt_about_another_time_or_another_issuer_is_none() -> None:
    long_ago = service(doubtful=True, since=AT - 9 * YEAR, until=AT - 5 * YEAR)
    other = service(doubtful=True, certificates=Pki(AT).issuing.ders[:1])
    assert asked(SEAL, listing(service(), long_ago, other)) == YES


def test_without_a_list_that_is_in_force_nobody_can_tell() -> None:
    assert asked(SEAL, None) == (Answer.NOT_CHECKED, Why.NO_LISTS)
    assert asked(SEAL, TrustedLists((), complete=True)) == (Answer.NOT_CHECKED, Why.NO_LISTS)
    for ends in (AT, AT - DAY, None):
        old = listing(service(), ends=ends)
        assert asked(SEAL, old) == (Answer.NOT_CHECKED, Why.LIST_OLD)
        assert vouching(SEAL.ders, old, sealed_at=AT, now=AT) == ()
    stranger = Pki(AT).seal()
    assert asked(stranger, listing(service())) == (Answer.NOT_CHECKED, Why.NOT_FOUND)
    assert asked(stranger, listing(service(), complete=True)) == (Answer.NO, Why.NOT_LISTED)
    assert asked(stranger, listing(service(), ends=AT, complete=True)) == (
        Answer.NOT_CHECKED,
        Why.NOT_FOUND,
    )


def test_an_authority_above_the_issuer_may_be_the_listed_one_and_a_namesake_may_not() -> None:
    above = listing(service(certificates=PKI.root.ders))
    assert asked(SEAL, above) == YES
    namesake = listing(service(certificates=Pki(AT).issuing.ders[:1]))
    assert asked(SEAL, namesake) == (Answer.NOT_CHECKED, Why.NOT_FOUND)


def test_a_chain_may_end_in_a_list_only_where_it_makes_the_certificate_qualified_for_seals() -> None:
    assert vouching(SEAL.ders, listing(service()), sealed_at=AT, now=AT) == PKI.issuing.ders[:1]
    plain = PKI.seal(statements=qc_statements(device=False))
    assert vouching(plain.ders, listing(service()), sealed_at=AT, now=AT) == PKI.issuing.ders[:1]
    person = PKI.seal(statements=qc_statements(types=(ESIGN,)))
    for holder, lists in (
        (person, listing(service())),
        (SEAL, listing(saying("NotQualified"))),
        (SEAL, listing(service(until=AT - DAY))),
        (SEAL, None),
    ):
        assert vouching(holder.ders, lists, sealed_at=AT, now=AT) == ()


def test_what_a_certificate_says_of_itself_is_read_strictly() -> None:
    assert statements_of(SEAL.certificate) == Statements(
        compliance=True, device=True, types=frozenset({"0.4.0.1862.1.6.2"})
    )
    assert statements_of(PKI.root.certificate) == Statements()
    whole = qc_statements()
    for damaged in (
        b"",
        b"\x30",
        whole[:-1],
        whole + b"\x00",
        b"\x30\x02\x30\x00",
        whole.replace(b"\x06", b"\x05"),
    ):
        made = PKI.seal(statements=damaged)
        with pytest.raises((Malformed, *UNREADABLE)):
            statements_of(made.certificate)
        assert asked(made, listing(service())) == (Answer.NOT_CHECKED, Why.UNREADABLE)


def test_no_flipped_byte_of_what_it_says_makes_a_certificate_more_than_it_is() -> None:
    plain, accepted = qc_statements(device=False), 0
    for place in range(len(plain)):
        for bit in range(8):
            changed = bytearray(plain)
            changed[place] ^= 1 << bit
            answer, _ = asked(PKI.seal(statements=bytes(changed)), listing(service()))
            accepted += answer is Answer.YES
    print(f"{len(plain) * 8} flips of statements, {accepted} accepted")  # noqa: T201
    assert accepted == 0
