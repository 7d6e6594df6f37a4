from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.dossiers import queries, service
from app.dossiers.errors import AlreadyDeclared, DossierNotFound, DossierNotSubmitted, OwnDossier
from app.dossiers.models import Dossier, DossierStatus
from app.dossiers.rules import ConflictKind
from app.organisations.rules import Role
from app.outbox.trail import Event
from app.ports import Ports
from app.schemes.catalogue import Catalogue, catalogue
from app.schemes.scheme import SchemeStatus
from tests import make
from tests.dossiers import steps
from tests.dossiers.steps import Cast, Someone, problem
from tests.fakes import SetClock


def declare(
    cast: Cast,
    ports: Ports,
    who: Someone,
    dossier: str,
    kind: ConflictKind = ConflictKind.NONE,
    ended_on: date | None = None,
) -> bool:
    """What the declaration comes to: whether its maker is kept away."""
    at = ports.clock.now()
    with ports.database.writing(cast.organisation) as session:
        actor = make.actor(session, who.token, at=at)
        service.call(session, queries.by_id(session, dossier), who.id, by=cast.manager.id, at=at)
        made = service.declare(
            session, dossier, kind=kind, ended_on=ended_on, note="Mio cugino.", by=actor, at=at
        )
        return made.conflicted


def call(cast: Cast, ports: Ports, who: Someone, dossier: str) -> None:
    with ports.database.writing(cast.organisation) as session:
        found = queries.by_id(session, dossier)
        service.call(session, found, who.id, by=cast.manager.id, at=ports.clock.now())


def opened(cast: Cast, dossier: str) -> list[tuple[str, str | None]]:
    """Who opened the dossier, as its candidate sees it."""
    rows = cast.applicant.calls.get(f"/v1/dossiers/{dossier}/accesses").json()["data"]
    assert all(set(row) == {"role", "at", "evidence"} for row in rows)
    return [(row["role"], row["evidence"]) for row in rows]


def first_item(cast: Cast, dossier: str) -> str:
    found: str = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["evidence"][0]["id"]
    return found


def test_the_candidate_reads_their_own_dossier_and_that_is_nobody_elses_business(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    assert cast.applicant.calls.get(f"/v1/dossiers/{dossier}").status_code == 200
    assert opened(cast, dossier) == []


def test_the_office_reads_every_dossier_and_is_written_down(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)
    item = first_item(cast, dossier)

    for who in (cast.secretary, cast.manager, cast.auditor):
        assert who.calls.get(f"/v1/dossiers/{dossier}").status_code == 200
    fetched = cast.secretary.calls.get(f"/v1/dossiers/{dossier}/evidence/{item}/file")

    assert fetched.content == steps.PROOF
    assert opened(cast, dossier) == [
        ("secretariat", None),
        ("scheme_manager", None),
        ("auditor", None),
        ("secretariat", item),
    ]


def test_for_whoever_has_no_part_in_it_there_is_no_dossier(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)
    item = first_item(cast, dossier)

    for who in (cast.other, cast.registrar, cast.administrator):
        for answer in (
            who.calls.get(f"/v1/dossiers/{dossier}"),
            who.calls.get(f"/v1/dossiers/{dossier}/evidence/{item}/file"),
            who.calls.get(f"/v1/dossiers/{dossier}/accesses"),
            who.calls.patch(f"/v1/dossiers/{dossier}", json={"language": "en"}),
            who.calls.delete(f"/v1/dossiers/{dossier}/evidence/{item}"),
            steps.attach(who, dossier),
            steps.submit(who, dossier),
            who.calls.post(f"/v1/dossiers/{dossier}/withdrawal", json={}),
        ):
            assert problem(answer) == (404, "dossier-not-found")

    assert opened(cast, dossier) == []


def test_the_office_changes_no_dossier_of_a_candidate(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    for answer in (
        cast.secretary.calls.patch(f"/v1/dossiers/{dossier}", json={"language": "en"}),
        steps.attach(cast.secretary, dossier),
        steps.submit(cast.secretary, dossier),
        cast.manager.calls.post(f"/v1/dossiers/{dossier}/withdrawal", json={}),
    ):
        assert problem(answer) == (403, "not-your-dossier")


def test_nobody_judges_what_they_read_before_they_declare(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    item = first_item(cast, dossier)

    call(cast, ports, cast.assessor, dossier)
    for who, role in ((cast.assessor, "assessor"), (cast.member, "committee_member")):
        before = who.calls.get(f"/v1/dossiers/{dossier}")
        file_before = who.calls.get(f"/v1/dossiers/{dossier}/evidence/{item}/file")
        assert not declare(cast, ports, who, dossier)
        after = who.calls.get(f"/v1/dossiers/{dossier}")

        assert problem(before) == problem(file_before) == (403, "declaration-required")
        assert cast.applicant.id not in before.text
        assert after.status_code == 200
        assert opened(cast, dossier)[-1] == (role, None)

    assert len(opened(cast, dossier)) == 2


def test_a_conflict_keeps_its_owner_from_the_dossier(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    item = first_item(cast, dossier)

    assert declare(cast, ports, cast.assessor, dossier, ConflictKind.FAMILY)

    for path in (f"/v1/dossiers/{dossier}", f"/v1/dossiers/{dossier}/evidence/{item}/file"):
        assert problem(cast.assessor.calls.get(path)) == (403, "conflict-of-interest")
    assert opened(cast, dossier) == []


def test_a_tie_that_ended_long_enough_ago_keeps_nobody_away(
    cast: Cast, ports: Ports, clock: SetClock
) -> None:
    dossier = steps.submitted(cast.applicant)
    clock.move(timedelta(hours=14, minutes=30))  # 21 November in Rome, still the 20th in UTC

    # Twelve months back from the 21st, where the organisation is: the 21st still counts.
    assert declare(cast, ports, cast.assessor, dossier, ConflictKind.EMPLOYMENT, date(2025, 11, 21))
    assert not declare(cast, ports, cast.member, dossier, ConflictKind.EMPLOYMENT, date(2025, 11, 20))


def test_a_declaration_is_made_once_and_leaves_no_tie_in_the_trail(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    declare(cast, ports, cast.assessor, dossier, ConflictKind.FAMILY)

    with pytest.raises(AlreadyDeclared):
        declare(cast, ports, cast.assessor, dossier, ConflictKind.NONE)

    with ports.database.reading(cast.organisation) as session:
        (event,) = session.scalars(select(Event).where(Event.topic == "declaration.made"))
        (row,) = queries.declarations(session, dossier)
    assert event.facts == {"conflicted": True}
    assert (row.kind, row.note, row.conflicted) == ("family", "Mio cugino.", True)


def test_who_may_not_judge_has_nothing_to_declare(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    draft = steps.begin(cast.other)

    with pytest.raises(DossierNotFound):
        declare(cast, ports, cast.registrar, dossier)
    with pytest.raises(DossierNotFound):
        declare(cast, ports, cast.assessor, draft)
    own = steps.submitted(cast.assessor)
    with pytest.raises(OwnDossier):
        declare(cast, ports, cast.assessor, own)


def test_a_judge_who_also_works_in_the_office_declares_first(cast: Cast, ports: Ports) -> None:
    both = newcomer(cast, ports, Role.SECRETARIAT, Role.COMMITTEE_MEMBER)
    dossier = steps.submitted(cast.applicant)

    before = both.calls.get(f"/v1/dossiers/{dossier}")
    move = both.calls.post(f"/v1/dossiers/{dossier}/return", json={"reasons": "Così."})
    declare(cast, ports, both, dossier)
    after = both.calls.get(f"/v1/dossiers/{dossier}")

    assert problem(before) == problem(move) == (403, "declaration-required")
    assert after.status_code == 200
    assert opened(cast, dossier) == [("committee_member", None)]


def newcomer(cast: Cast, ports: Ports, *roles: Role) -> Someone:
    at = ports.clock.now()
    with ports.database.writing(cast.organisation) as session:
        token = make.key(session, make.person(session, cast.organisation, *roles, at=at), at=at)
    return steps.someone(cast.app, token)


def test_before_it_is_handed_in_a_dossier_is_between_the_candidate_and_the_office(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    assert cast.secretary.calls.get(f"/v1/dossiers/{dossier}").status_code == 200
    for who in (cast.assessor, cast.member):
        assert problem(who.calls.get(f"/v1/dossiers/{dossier}")) == (404, "dossier-not-found")
        assert problem(who.calls.get(f"/v1/dossiers/{dossier}/parties")) == (404, "dossier-not-found")


def test_an_assessor_who_was_not_called_knows_of_no_dossier(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    item = first_item(cast, dossier)
    at = ports.clock.now()

    with ports.database.writing(cast.organisation) as session, pytest.raises(DossierNotFound):
        service.declare(
            session,
            dossier,
            kind=ConflictKind.NONE,
            ended_on=None,
            note=None,
            by=make.actor(session, cast.assessor.token, at=at),
            at=at,
        )
    for path in ("", "/parties", f"/evidence/{item}/file"):
        answer = cast.assessor.calls.get(f"/v1/dossiers/{dossier}{path}")
        assert problem(answer) == (404, "dossier-not-found")
    assert opened(cast, dossier) == []


def test_an_assessor_of_the_office_declares_before_they_read(cast: Cast, ports: Ports) -> None:
    both = newcomer(cast, ports, Role.SECRETARIAT, Role.ASSESSOR)
    dossier = steps.submitted(cast.applicant)

    before = both.calls.get(f"/v1/dossiers/{dossier}")
    declare(cast, ports, both, dossier)

    assert problem(before) == (403, "declaration-required")
    assert both.calls.get(f"/v1/dossiers/{dossier}").status_code == 200


def test_the_parties_tell_a_judge_whom_a_tie_would_be_to_and_nothing_more(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    call(cast, ports, cast.assessor, dossier)
    me = cast.applicant.calls.get("/v1/me").json()

    answer = cast.assessor.calls.get(f"/v1/dossiers/{dossier}/parties")

    assert answer.json() == {
        "id": dossier,
        "scheme": steps.SCHEME,
        "applicant": {"id": cast.applicant.id, "name": me["name"]},
    }
    assert problem(cast.other.calls.get(f"/v1/dossiers/{dossier}/parties")) == (403, "permission-missing")


def test_the_list_shows_everybodys_dossiers_to_the_office_alone(cast: Cast) -> None:
    mine = steps.submitted(cast.applicant)
    theirs = steps.begin(cast.other)

    def listed(who: Someone, **asked: str) -> list[str]:
        return [line["id"] for line in who.calls.get("/v1/dossiers", params=asked).json()["data"]]

    assert listed(cast.applicant) == [mine]
    assert listed(cast.assessor) == listed(cast.member) == listed(cast.registrar) == []
    for who in (cast.secretary, cast.manager, cast.auditor):
        assert sorted(listed(who)) == sorted([mine, theirs])
    assert listed(cast.secretary, status="draft") == [theirs]
    assert problem(cast.secretary.calls.get("/v1/dossiers?status=lost")) == (422, "malformed")


def test_a_list_is_read_page_by_page(cast: Cast, clock: SetClock) -> None:
    begun = []
    for who in (cast.applicant, cast.other, cast.assessor):
        begun.append(steps.begin(who))
        clock.move(timedelta(minutes=1))

    first = cast.secretary.calls.get("/v1/dossiers?limit=2").json()
    second = cast.secretary.calls.get(f"/v1/dossiers?limit=2&cursor={first['next_cursor']}").json()

    assert [line["id"] for line in first["data"] + second["data"]] == begun
    assert second["next_cursor"] is None
    assert problem(cast.secretary.calls.get("/v1/dossiers?cursor=dos_0")) == (422, "cursor-unknown")
    assert problem(cast.secretary.calls.get("/v1/dossiers?limit=0")) == (422, "malformed")


def test_a_client_reads_what_it_opened_and_nothing_else(cast: Cast) -> None:
    client = steps.client(cast, "dossiers:read", "dossiers:write")
    dossier = steps.begin(client, applicant=cast.applicant.id)
    theirs = steps.begin(cast.other)

    assert client.calls.get(f"/v1/dossiers/{dossier}").status_code == 200
    assert [line["id"] for line in client.calls.get("/v1/dossiers").json()["data"]] == [dossier]
    assert problem(client.calls.get(f"/v1/dossiers/{theirs}")) == (404, "dossier-not-found")
    assert set(opened(cast, dossier)) == {("client", None)}


def test_another_organisations_dossier_does_not_exist(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    item = first_item(cast, dossier)
    foreign = steps.cast(ports)
    path = f"/v1/dossiers/{dossier}"
    reasons = {"reasons": "Così."}

    for answer in (
        foreign.secretary.calls.get(path),
        foreign.auditor.calls.get(f"{path}/accesses"),
        foreign.secretary.calls.get(f"{path}/evidence/{item}/file"),
        foreign.applicant.calls.patch(path, json={"language": "en"}),
        foreign.applicant.calls.delete(f"{path}/evidence/{item}"),
        steps.attach(foreign.applicant, dossier),
        steps.submit(foreign.applicant, dossier),
        foreign.applicant.calls.post(f"{path}/withdrawal", json={}),
        foreign.secretary.calls.post(f"{path}/return", json=reasons),
        foreign.secretary.calls.post(f"{path}/admission", json={"path": "A"}),
        foreign.manager.calls.post(f"{path}/non-admission", json=reasons),
        foreign.assessor.calls.get(f"{path}/parties"),
    ):
        assert problem(answer) == (404, "dossier-not-found")
    assert foreign.secretary.calls.get("/v1/dossiers").json()["data"] == []
    cursor = foreign.secretary.calls.get(f"/v1/dossiers?cursor={dossier}")
    assert problem(cursor) == (422, "cursor-unknown")
    on_behalf = steps.client(foreign, "dossiers:write").calls.post(
        "/v1/dossiers",
        json={
            "scheme": steps.SCHEME,
            "language": "it",
            "ai_disclosure": True,
            "applicant": cast.applicant.id,
        },
    )
    assert problem(on_behalf) == (404, "person-not-found")


def test_a_key_that_was_narrowed_does_only_what_it_says(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)
    made = cast.administrator.calls.post(
        "/v1/api-keys", json={"person": cast.applicant.id, "scopes": ["dossiers:read"]}
    ).json()
    reader = steps.someone(cast.app, made["token"])

    assert reader.calls.get(f"/v1/dossiers/{dossier}").status_code == 200
    assert problem(steps.attach(reader, dossier)) == (403, "permission-missing")
    assert problem(steps.submit(reader, dossier)) == (403, "permission-missing")


def test_an_identifier_that_is_none_is_malformed(cast: Cast) -> None:
    for path in ("/v1/dossiers/dos_1", "/v1/dossiers/%00", "/v1/dossiers/dos_" + "u" * 26):
        assert problem(cast.applicant.calls.get(path)) == (422, "malformed")


def test_a_draft_is_pinned_to_no_version_of_its_scheme_and_what_was_handed_in_to_one(
    cast: Cast, ports: Ports
) -> None:
    draft, dossier = steps.begin(cast.other), steps.submitted(cast.applicant)

    with ports.database.reading(cast.organisation) as session:
        assert service.scheme_of(queries.by_id(session, dossier)).version == "1.0.0"
        with pytest.raises(DossierNotSubmitted):
            service.scheme_of(queries.by_id(session, draft))


@pytest.mark.parametrize(
    ("status", "pinned", "first", "judged_by"),
    [
        pytest.param(DossierStatus.DRAFT, None, SchemeStatus.ACTIVE, "1.1.0", id="a draft: the one in force"),
        pytest.param(DossierStatus.RETURNED, "1.0.0", SchemeStatus.ACTIVE, "1.0.0", id="returned: its pin"),
        pytest.param(DossierStatus.RETURNED, "1.0.0", SchemeStatus.RETIRED, "1.1.0", id="its pin is retired"),
        pytest.param(DossierStatus.ADMITTED, "1.0.0", SchemeStatus.RETIRED, "1.0.0", id="admitted: for good"),
    ],
)
def test_a_dossier_keeps_the_version_it_was_handed_in_under(
    status: DossierStatus, pinned: str | None, first: SchemeStatus, judged_by: str
) -> None:
    scheme = catalogue().version(steps.SCHEME, "1.0.0")
    known = Catalogue.of([replace(scheme, status=first), replace(scheme, version="1.1.0")])
    dossier = Dossier(scheme_id=scheme.id, scheme_version=pinned, status=status)

    assert service.scheme_at_work(dossier, date(2026, 11, 20), known=known).version == judged_by
