"""Trusted lists: verified before anything in them counts, kept while they hold, never older than before."""

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters import listreading
from app.adapters.listreading import Refused
from app.adapters.outbound import GuardedOutbound
from app.adapters.trustlists import FILE, FiledLists, Reads, read_apart
from app.formats.qualified import Answer, Why, qualified
from app.ports import FetchBusy, Fetched, FetchFailed, FetchRefused
from tests.fakes import SetClock
from tests.pki import lists
from tests.pki.authority import DAY, YEAR, Pki
from tests.pki.lists import ListSigner, Pointer, Service, Status, list_signer
from tests.pki.samples import SEALED as AT

PKI = Pki(AT)
TOP, ITALY = list_signer(AT), list_signer(AT)
LOTL, IT = "https://lists.example.org/lotl.xml", "https://lists.example.net/it.xml"


@dataclass
class Web:
    """What stands at addresses; whatever is not there fails."""

    pages: dict[str, bytes | type[Exception]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        del accept
        self.asked.append(url)
        page = self.pages.get(url, FetchFailed)
        if isinstance(page, bytes):
            assert len(page) <= limit
            return Fetched(page, "text/xml")
        raise page("not had")


def national(*services: Service, by: ListSigner = ITALY, at: datetime = AT, **changes: object) -> bytes:
    return by.sign(lists.national(services or (lists.of(PKI),), at=at, **changes))  # type: ignore[arg-type]


def of_lists(*pointers: Pointer, at: datetime = AT, **changes: object) -> bytes:
    pointed = pointers or (Pointer(IT, [ITALY.der]),)
    return TOP.sign(lists.of_lists(pointed, at=at, **changes))  # type: ignore[arg-type]


def read_here(content: bytes, signers: Sequence[bytes], at: datetime) -> listreading.Json:
    """What the other process does, without waiting for one each time."""
    try:
        return listreading.read(content, signers, at)
    except Refused as refused:
        return {"refused": str(refused)}


@dataclass
class Place:
    folder: Path
    reads: Reads = read_here
    web: Web = field(default_factory=Web)
    clock: SetClock = field(default_factory=lambda: SetClock(AT + DAY))

    def kept(self, *sources: str, signers: tuple[ListSigner, ...] = (TOP,)) -> FiledLists:
        made = FiledLists(
            sources or (LOTL,),
            signers=[each.der for each in signers],
            folder=self.folder,
            clock=self.clock,
            outbound=self.web,
            reads=self.reads,
        )
        made.load()
        return made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "lists", web=Web({LOTL: of_lists(), IT: national()}))


def numbers(kept: FiledLists) -> list[tuple[str, int]]:
    return [(each.territory, each.sequence) for each in kept.current().lists]


def test_a_list_of_lists_leads_to_national_ones_and_says_who_signs_them(place: Place) -> None:
    kept = place.kept()
    assert kept.current().lists == ()
    kept.refresh()
    said = kept.current()
    assert (said.complete, said.problems, numbers(kept)) == (True, (), [("IT", 5)])
    (italian,) = said.lists
    assert (italian.issued, italian.next_update) == (AT, AT + lists.LIVES)
    assert italian.read_at == place.clock.now()
    (service,) = italian.services
    assert service.certificates == PKI.issuing.ders[:1]
    assert (service.for_seals, service.since, service.until) == (True, AT - YEAR, None)


def test_another_process_reads_the_same_and_refuses_the_same() -> None:
    signers = [ITALY.der]
    for content in (national(), of_lists(), b"no list", national().replace(b"IT<", b"FR<")):
        assert read_apart(content, signers, AT) == read_here(content, signers, AT)


def test_a_single_list_may_be_a_file_and_says_nothing_of_other_countries(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "it.xml"
    file.write_bytes(national())
    kept = place.kept(str(file), signers=(ITALY,))
    kept.refresh()
    assert (numbers(kept), kept.current().complete) == ([("IT", 5)], False)
    assert place.web.asked == []


def test_what_was_read_survives_a_restart_and_reaches_other_processes(place: Place) -> None:
    first, second = place.kept(), place.kept()
    first.refresh()
    second.load()
    third = place.kept()
    for each in (second, third):
        assert numbers(each) == [("IT", 5)]
    before = second.current()
    second.load()
    assert second.current() is before  # nothing was read since


def test_what_was_read_under_other_signers_or_for_other_sources_does_not_count(place: Place) -> None:
    place.kept().refresh()
    assert place.kept(signers=(TOP, ITALY)).current().lists == ()
    assert place.kept(LOTL, IT).current().lists == ()
    (place.folder / FILE).write_text('{"of": 1}')
    assert place.kept().current().lists == ()


@pytest.mark.parametrize("failing", [FetchFailed, FetchRefused, FetchBusy])
@pytest.mark.parametrize("missing", [LOTL, IT])
def test_a_list_that_cannot_be_had_anew_holds_until_its_next_update(
    place: Place, missing: str, failing: type[Exception]
) -> None:
    kept = place.kept()
    kept.refresh()
    place.web.pages[missing] = failing
    place.clock.move(30 * DAY)
    kept.refresh()
    said = kept.current()
    assert numbers(kept) == [("IT", 5)]
    assert len(said.problems) == 1
    assert said.problems[0].startswith(missing)
    (italian,) = said.lists
    assert italian.is_current(place.clock.now())
    place.clock.move(lists.LIVES)
    assert not italian.is_current(place.clock.now())


def test_a_list_of_lists_that_is_past_its_time_takes_the_national_ones_along(place: Place) -> None:
    place.web.pages[LOTL] = of_lists(next_update=AT + 2 * DAY)
    kept = place.kept()
    kept.refresh()
    (italian,) = kept.current().lists
    assert italian.next_update == AT + 2 * DAY


def test_a_list_past_its_next_update_is_read_and_told_and_one_that_was_closed_is_never_in_force(
    place: Place,
) -> None:
    place.web.pages[IT] = national(next_update=AT + timedelta(hours=1))
    kept = place.kept()
    kept.refresh()
    (italian,) = kept.current().lists
    assert not italian.is_current(place.clock.now())
    assert "next update" in kept.current().problems[0]
    place.web.pages[IT] = national(sequence=6, closed=True)
    kept.refresh()
    (italian,) = kept.current().lists
    assert not italian.is_current(AT)


def test_a_list_that_goes_past_its_time_unchanged_is_told(place: Place) -> None:
    kept = place.kept()
    kept.refresh()
    place.clock.move(lists.LIVES)
    kept.refresh()
    assert [each.partition(": ")[2][:15] for each in kept.current().problems] == ["its next update"] * 2


class Turns(Event):
    """Lets a thread take a few turns, without waiting between them."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self.left = turns

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        self.left -= 1
        if self.left == 0:
            self.set()
        return self.is_set()


@pytest.mark.parametrize("blocked", ["lists", "lists/trusted-lists.json"])
def test_where_nothing_can_be_kept_the_lists_count_all_the_same_and_are_not_asked_for_again_and_again(
    place: Place, blocked: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In place of a folder there is a file, or the other way round; rights do not bind everybody."""
    if blocked == "lists":
        place.folder.write_text("")
    else:
        (place.folder / FILE).mkdir(parents=True)
    kept = place.kept()
    kept.keep_up(Turns(5), refreshing=True)
    assert (numbers(kept), kept.current().complete) == ([("IT", 5)], True)
    assert place.web.asked == [LOTL, IT]
    assert "cannot be written" in kept.current().problems[0]
    assert len(caplog.records) == 2
    assert sorted(each.name for each in place.folder.parent.rglob(".lists-*")) == []
    place.clock.move(timedelta(minutes=31))
    kept.keep_up(Turns(5), refreshing=True)
    assert place.web.asked == [LOTL, IT] * 2


def test_whatever_goes_wrong_lists_are_left_alone_for_a_while(place: Place) -> None:
    def broken(*_: object) -> listreading.Json:
        raise BlockingIOError("no more processes")

    place.reads = broken
    kept = place.kept()
    kept.keep_up(Turns(5), refreshing=True)
    assert place.web.asked == [LOTL]
    place.clock.move(timedelta(minutes=31))
    kept._reads = read_here
    kept.keep_up(Turns(5), refreshing=True)
    assert numbers(kept) == [("IT", 5)]


def test_a_damaged_file_is_told_once_and_written_anew(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.kept().refresh()
    (place.folder / FILE).write_text("{")
    kept = place.kept()
    kept.keep_up(Turns(5), refreshing=False)
    assert [each.getMessage() for each in caplog.records] == ["trustlists.unreadable"]
    kept.keep_up(Turns(5), refreshing=True)
    assert numbers(kept) == numbers(place.kept()) == [("IT", 5)]


def test_what_is_kept_is_for_the_service_alone(place: Place) -> None:
    place.kept().refresh()
    assert [*place.folder.iterdir()] == [place.folder / FILE]
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (place.folder, place.folder / FILE)]
    assert modes == [0o700, 0o600]


def test_an_older_list_is_never_taken_for_a_newer_one(place: Place) -> None:
    kept = place.kept()
    kept.refresh()
    for older in (
        national(sequence=4),
        national(at=AT - DAY),
        national(sequence=4, at=AT + timedelta(hours=2)),
    ):
        place.web.pages[IT] = older
        for each in (kept, place.kept()):
            each.refresh()
            assert numbers(each) == [("IT", 5)]
            assert "older" in each.current().problems[0]
    place.web.pages[IT] = national(lists.withdrawn(PKI, AT), sequence=6)
    kept.refresh()
    assert numbers(kept) == [("IT", 6)]
    place.web.pages[LOTL] = of_lists(sequence=299)
    kept.refresh()
    assert "older" in kept.current().problems[0]


def test_whom_the_list_of_lists_no_longer_names_signs_nothing_any_more(place: Place) -> None:
    kept, other = place.kept(), list_signer(AT)
    kept.refresh()
    place.web.pages[LOTL] = of_lists(Pointer(IT, [other.der]), sequence=301)
    kept.refresh()
    assert (numbers(kept), kept.current().complete) == ([], False)
    place.web.pages[IT] = national(by=other, sequence=6)
    kept.refresh()
    assert (numbers(kept), kept.current().complete) == ([("IT", 6)], True)


def nowhere(_: str) -> list[str]:
    raise AssertionError("a name that ought not to be asked after")


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/it.xml",
        "https://localhost/it.xml",
        "http://169.254.169.254/latest",
        "https://[::1]/it.xml",
        "https://lists.internal/it.xml",
        "https://user@lists.example.net/it.xml",
        "https://lists.example.net:8443/it.xml",
        "file:///etc/passwd",
        "/etc/passwd",
        "it.xml",
        "",
    ],
)
def test_a_pointer_leads_to_public_addresses_over_https_alone(tmp_path: Path, location: str) -> None:
    file = tmp_path / "lotl.xml"
    file.write_bytes(of_lists(Pointer(location, [ITALY.der])))
    kept = FiledLists(
        [str(file)],
        signers=[TOP.der],
        folder=tmp_path / "lists",
        clock=SetClock(AT + DAY),
        outbound=GuardedOutbound(resolve=nowhere),
        reads=read_here,
    )
    kept.refresh()
    said = kept.current()
    assert (said.lists, said.complete) == ((), False)
    if location:
        assert "not asked for" in said.problems[0]


def test_a_pointer_to_a_name_that_lies_inside_is_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "lotl.xml"
    file.write_bytes(of_lists(Pointer("https://lists.example.net/it.xml", [ITALY.der])))
    kept = FiledLists(
        [str(file)],
        signers=[TOP.der],
        folder=tmp_path / "lists",
        clock=SetClock(AT + DAY),
        outbound=GuardedOutbound(resolve=lambda _: ["10.0.0.5"]),
        reads=read_here,
    )
    kept.refresh()
    assert "not a public one" in kept.current().problems[0]


def test_what_is_pointed_at_over_http_is_fetched_over_https(place: Place) -> None:
    place.web.pages[LOTL] = of_lists(Pointer(IT.replace("https", "http"), [ITALY.der]))
    kept = place.kept()
    kept.refresh()
    assert numbers(kept) == [("IT", 5)]
    assert place.web.asked == [LOTL, IT]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: national(territory="FR"),
        of_lists,
        lambda: national(by=TOP),
        lambda: national(at=AT + 2 * DAY),
        lambda: b"",
        lambda: b"<html/>",
    ],
    ids=["another country", "a list of lists", "another signer", "the future", "nothing", "a page"],
)
def test_what_stands_at_a_pointer_is_the_list_that_was_promised_or_nothing(
    place: Place, wrong: Callable[[], bytes]
) -> None:
    place.web.pages[IT] = wrong()
    kept = place.kept()
    kept.refresh()
    assert (numbers(kept), kept.current().complete) == ([], False)
    assert len(kept.current().problems) == 1


def read(content: bytes, *signers: ListSigner, at: datetime = AT + DAY) -> listreading.Json:
    return listreading.read(content, [each.der for each in signers or (ITALY,)], at)


def refusal(content: bytes, *signers: ListSigner, at: datetime = AT + DAY) -> str:
    with pytest.raises(Refused) as refused:
        read(content, *signers, at=at)
    return str(refused.value)


def test_a_list_counts_only_under_a_certificate_that_is_given_and_in_force() -> None:
    ended = list_signer(AT, ends=AT)
    assert read(national(), TOP, ITALY)["sequence"] == 5
    for content, signers in (
        (national(), (TOP,)),
        (national(by=ended), (ended,)),
        (lists.national([lists.of(PKI)], at=AT).encode(), (ITALY,)),
    ):
        assert refusal(content, *signers)
    with pytest.raises(Refused):
        listreading.read(national(), [], AT)


HOSTILE = {
    "an entity of a file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "an entity of an address": '<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1/">]>',
    "a billion laughs": "<!DOCTYPE x ["
    + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    + '<!ENTITY a0 "ha"><!ENTITY a "&a9;">]>',
    "a type elsewhere": '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">',
}


@pytest.mark.parametrize("declared", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_document_type_is_refused_before_anything_is_done_for_it(declared: str) -> None:
    text = lists.national([lists.of(PKI)], at=AT).replace("TEST seals", "&a;")
    for content in (
        f"{declared}{text}".encode(),
        f"{declared}{text}".encode("utf-16"),
        (f"{declared}<x>" + "&a;</x>").encode(),
        national().replace(b"<Trust", declared.encode() + b"<Trust", 1),
    ):
        assert refusal(content) in {"it declares a document type", "not well-formed XML in UTF-8"}


@pytest.mark.parametrize(
    "content",
    [
        b"x" * (listreading.MOST_BYTES + 1),
        b"<a>" * 100_000,
        b"\x00" * 1000,
        b"<TrustServiceStatusList xmlns='http://uri.etsi.org/02231/v2#'/>",
        national(version="4"),
        national(kind="schemes"),
        TOP.sign(
            lists.of_lists([Pointer(f"https://x{n}.example.net/", [ITALY.der]) for n in range(70)], at=AT)
        ),
    ],
    ids=["too large", "deep", "no text", "empty", "an old version", "another kind", "too many pointers"],
)
def test_what_is_no_list_is_refused_with_a_reason(content: bytes) -> None:
    assert refusal(content, ITALY, TOP)


def test_what_is_put_around_or_beside_what_was_signed_is_not_read() -> None:
    inner = national().partition(b"?>")[2].strip()
    forged = lists.national([lists.of(Pki(AT))], at=AT, sequence=9)
    for content in (
        forged.replace("</TrustServiceStatusList>", inner.decode() + "</TrustServiceStatusList>"),
        forged.replace("<TSPInformation/>", f"<TSPInformation>{inner.decode()}</TSPInformation>"),
        f"<x>{inner.decode()}</x>",
    ):
        assert refusal(content.encode())


def test_an_authority_counts_for_the_time_for_which_it_was_granted() -> None:
    gone = read(national(lists.withdrawn(PKI, AT)))["services"]
    assert [(each["since"], each["until"]) for each in gone] == [((AT - YEAR).isoformat(), AT.isoformat())]
    never = lists.of(PKI, now=Status(AT - YEAR, "withdrawn"))
    other = lists.of(PKI, kind=f"{lists.BASE}/Svctype/TSA/QTST")
    unqualified = lists.of(PKI, kind=f"{lists.BASE}/Svctype/CA/PKC")
    assert read(national(never, other, unqualified))["services"] == []


def more(*qualifiers: str, critical: str = "true") -> str:
    """A second extension of the same kind."""
    told = lists.qualification(*qualifiers)
    return f'<Extension Critical="{critical}"><q:Qualifications>{told}</q:Qualifications></Extension>'


def criteria(inside: str, assertion: str = "all") -> str:
    return lists.qualification(
        "NotQualified", criteria=f'<q:CriteriaList assert="{assertion}">{inside}</q:CriteriaList>'
    )


USAGE = '<q:KeyUsage><q:KeyUsageBit name="nonRepudiation">true</q:KeyUsageBit></q:KeyUsage>'
STRANGE: dict[str, dict[str, object]] = {
    "a critical extension": {
        "extension": '<Extension Critical="true"><Strange xmlns="urn:x">1</Strange></Extension>'
    },
    "a qualifier": {"qualifications": lists.qualification("QCNoSuchThing")},
    "a qualifier beside another": {"qualifications": lists.qualification("QCNoSuchThing", "QCWithQSCD")},
    "no qualifier": {"qualifications": lists.qualification()},
    "no criteria": {"qualifications": lists.qualification("NotQualified", criteria="")},
    "empty criteria": {"qualifications": criteria("")},
    "two sets of criteria": {
        "qualifications": lists.qualification("NotQualified", criteria=lists.ALWAYS * 2)
    },
    "a criterion": {"qualifications": criteria(USAGE + "<q:Strange/>")},
    "a criterion out of place": {"qualifications": criteria(USAGE + "<x:CertSubjectDNAttribute/>")},
    "another criterion": {
        "qualifications": criteria(f"{USAGE}<q:otherCriteriaList><q:X/></q:otherCriteriaList>")
    },
    "no policy": {"qualifications": criteria("<q:PolicySet/>")},
    "a bit": {"qualifications": criteria(USAGE.replace("true", "maybe"))},
    "a history of another key": {
        "now": Status(AT + DAY),
        "before": (Status(AT - YEAR),),
        "was": lists.by_key(b"another"),
    },
}


@pytest.mark.filterwarnings("ignore::xsdata.exceptions.ConverterWarning")
@pytest.mark.parametrize("changes", STRANGE.values(), ids=STRANGE.keys())
def test_an_authority_of_which_not_all_is_understood_is_in_doubt_and_told(
    place: Place, changes: dict[str, object]
) -> None:
    place.web.pages[IT] = national(lists.of(PKI), lists.of(PKI, **changes))
    kept = place.kept()
    for _ in range(2):  # as long as the list says so, read anew or not
        kept.refresh()
        (italian,) = kept.current().lists
        assert {each.certificates for each in italian.services} == {PKI.issuing.ders[:1]}
        assert sum(each.doubtful for each in italian.services) == 1
        assert kept.current().problems == (f"{IT}: 1 of its services could not be read, or not all of them",)
        for sealed_at in (AT, AT + 2 * DAY)[: 1 if "was" in changes else 2]:
            found = qualified(PKI.seal().ders, kept.current(), sealed_at=sealed_at, now=AT + 3 * DAY)
            assert (found.answer, found.why) == (Answer.NOT_CHECKED, Why.UNREADABLE)
    assert kept.current().complete  # it is known who is meant


def test_an_authority_that_nobody_can_tell_leaves_open_who_is_in_no_list(place: Place) -> None:
    unknown = lists.national([lists.of(PKI)], at=AT)
    identity = lists.identified(PKI.issuing.ders[0])
    place.web.pages[IT] = ITALY.sign(unknown.replace(identity, lists.by_key(b"somebody")))
    kept = place.kept()
    kept.refresh()
    found = qualified(PKI.seal().ders, kept.current(), sealed_at=AT, now=AT + DAY)
    assert (found.answer, found.why) == (Answer.NOT_CHECKED, Why.NOT_FOUND)


def test_what_is_said_of_an_authority_in_several_places_counts_together() -> None:
    for told, extension in (("NotQualified", "QCWithQSCD"), ("QCWithQSCD", "NotQualified")):
        listed = lists.of(PKI, qualifications=lists.qualification(told), extension=more(extension))
        (service,) = read(national(listed))["services"]
        found = sorted(each["qualifiers"] for each in service["qualifications"])
        assert (found, service["doubtful"]) == ([["NotQualified"], ["QCWithQSCD"]], False)


def test_comments_hide_nothing_of_a_list() -> None:
    honest = lists.national([lists.of(PKI, qualifications=lists.qualification("NotQualified"))], at=AT)
    for whole, parts in (
        ("Svcstatus/granted", "Svcstatus/gra<!-- -->nted"),
        ("true</q:KeyUsageBit>", "<!-- -->true</q:KeyUsageBit>"),
        ("TEST seals", "TEST<?x y?> seals"),
    ):
        commented = honest.replace(whole, parts)
        assert commented != honest
        assert read(ITALY.sign(commented))["services"] == read(ITALY.sign(honest))["services"]


@pytest.mark.parametrize("named", [None, "", lists.identified(PKI.issuing.ders[0])])
def test_an_authority_is_in_its_history_who_it_is_now(place: Place, named: str | None) -> None:
    again = lists.of(PKI, now=Status(AT), before=(Status(AT - YEAR),), was=named)
    place.web.pages[IT] = national(again)
    kept = place.kept()
    kept.refresh()
    (italian,) = kept.current().lists
    assert [(each.since, each.until, each.certificates) for each in italian.services] == [
        (AT, None, PKI.issuing.ders[:1]),
        (AT - YEAR, AT, PKI.issuing.ders[:1]),
    ]
    assert kept.current().problems == ()


def test_qualifications_are_read_with_their_criteria() -> None:
    told = lists.qualification("QCWithQSCD", "QCForESeal", criteria=lists.policy("1.2.3", "urn:oid:1.2.4"))
    (service,) = read(national(lists.of(PKI, qualifications=told)))["services"]
    (found,) = service["qualifications"]
    assert found["qualifiers"] == ["QCForESeal", "QCWithQSCD"]
    assert found["criteria"]["policies"] == [["1.2.3", "1.2.4"]]
    always = lists.qualification("NotQualified")
    (service,) = read(national(lists.of(PKI, qualifications=always)))["services"]
    used = sorted(service["qualifications"][0]["criteria"]["usages"])
    assert used == [[[], ["nonRepudiation"]], [["nonRepudiation"], []]]


def test_no_flipped_byte_of_a_list_changes_what_it_says() -> None:
    for name, content, signer in (("national", national(), ITALY), ("list of lists", of_lists(), TOP)):
        honest, told = read(content, signer), Counter[str]()
        for place in range(0, len(content), 17):
            changed = bytearray(content)
            changed[place] ^= 1 << place % 7
            try:
                found = read(bytes(changed), signer)
            except Refused:
                told["refused"] += 1
                continue
            told["the same as before" if found == honest else "accepted"] += 1
        print(f"{name}: {told.total()} flips, {told['accepted']} accepted, {dict(told)}")  # noqa: T201
        assert told["accepted"] == 0


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode()))
def test_whatever_is_sent_instead_of_a_list_is_refused(content: bytes) -> None:
    assert refusal(content)


def test_whoever_reads_lists_has_little_memory_and_writes_no_file(tmp_path: Path) -> None:
    program = (
        "import runpy, sys, resource, json, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "module = runpy.run_path(sys.argv[1])\n"
        "module['_confine']()\n"
        "found = []\n"
        "for attempt in (lambda: bytearray(2 << 30), lambda: open(sys.argv[2], 'w').write('x' * 9999)):\n"
        "    try:\n"
        "        attempt()\n"
        "    except (MemoryError, OSError) as error:\n"
        "        found.append(type(error).__name__)\n"
        "print(json.dumps([*found, resource.getrlimit(resource.RLIMIT_CPU)[0]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, listreading.__file__, str(tmp_path / "x")],
        capture_output=True,
        env={},
        check=False,
    )
    assert json.loads(done.stdout) == ["MemoryError", "OSError", listreading.SECONDS], done.stderr


def test_the_thread_reads_what_is_due_and_stops_when_told(place: Place) -> None:
    kept, stop = place.kept(), Event()

    class Stopping(Web):
        async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
            if url == IT:
                stop.set()
            return await super().fetch(url, limit=limit, accept=accept)

    web = Stopping(place.web.pages)
    kept._outbound = web
    kept.keep_up(stop, refreshing=True)
    assert numbers(kept) == [("IT", 5)]
    assert stat.S_ISREG(os.stat(place.folder / FILE).st_mode)  # noqa: PTH116
