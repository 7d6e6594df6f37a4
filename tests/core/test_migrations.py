"""A database that is at work is brought to the next form with everything in it, and refuses what it must."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, bindparam, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.adapters import schema
from app.core.db import Database, Instant, connect
from app.core.ids import new_id
from app.credentials.models import Credential, Delivery, Document, Period
from app.credentials.rules import DeliveryState, PeriodKind
from app.events.models import WebhookEndpoint
from app.organisations.models import Mode
from app.outbox import messages
from app.outbox.messages import Message
from app.ports import RecipientKind
from app.renewal.models import AuditDraw, CpdActivity, Renewal
from app.renewal.states import ActivitySource, ActivityState, RenewalKind, RenewalState
from app.status.models import ListKind, StatusList
from tests import make, postgres

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 20), date(2029, 11, 20)
_names = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind with nothing in it, not even tables."""
    if request.param == "sqlite":
        opened = connect(f"sqlite:///{tmp_path / 'sigillo.db'}")
        yield opened
        opened.close()
        return
    server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
    name = f"m{next(_names)}"
    server.create_database(name)
    opened = connect(server.owner_url(name))
    yield opened
    opened.close()
    server.drop_database(name)


def test_the_files_are_named_for_the_revisions_that_stand_in_them() -> None:
    chain = ScriptDirectory.from_config(schema._config())
    assert schema.revisions() == {each.revision for each in chain.walk_revisions()}
    assert max(schema.revisions()) == chain.get_current_head()


def bring(database: Database, revision: str, *, back: bool = False) -> None:
    """Move the schema as `schema.upgrade` does, and no further than this revision."""
    config = schema._config()
    with (
        database.engine.connect() as connection,
        schema._tables_may_be_remade(connection),
        connection.begin(),
    ):
        config.attributes["connection"] = connection
        (command.downgrade if back else command.upgrade)(config, revision)
        schema._require_whole(connection)


def of_the_main_job(session: Session, organisation_id: str) -> str:
    """A credential with its period and document, of which the first release knew all; gives its id."""
    holder = make.person(session, organisation_id, at=AT)
    decision = make.granted_decision(session, organisation_id, holder, at=AT)
    credential = Credential(
        id=new_id("crd"),
        organisation_id=organisation_id,
        number=new_id("n"),
        holder_id=holder.id,
        scheme_id=decision.scheme_id,
        subject_id=new_id("s"),
        mode=Mode.TEST,
        anchor=FIRST,
        created_at=AT,
        issued_at=AT,
    )
    listed = StatusList(
        organisation_id=organisation_id, kind=ListKind.CREDENTIAL, size=131072, taken=1, created_at=AT
    )
    session.add_all([credential, listed])
    session.flush()
    period = new_id("prd")
    session.add(
        Period(
            id=period,
            organisation_id=organisation_id,
            credential_id=credential.id,
            seq=1,
            kind=PeriodKind.GRANT,
            cycle=1,
            decision_id=decision.id,
            scheme_version="1.0.0",
            valid_from=FIRST,
            valid_until=LAST,
        )
    )
    session.flush()
    session.add(
        Document(
            id=new_id("doc"),
            organisation_id=organisation_id,
            period_id=period,
            format="vc+jwt",
            jti=new_id("j"),
            token="a.b.c",
            sha256="0" * 64,
            key_thumbprint="k" * 43,
            list_id=listed.id,
            list_index=7,
            issued_at=AT,
        )
    )
    session.flush()
    return credential.id


def at_work(database: Database, *, credentials: int = 1) -> tuple[str, list[str]]:
    """A database of revision 0001 that has issued credentials."""
    schema.upgrade(database)
    with database.writing() as session:
        made = make.organisation(session, AT)
        organisation_id = made.organisation.id
        issued = [of_the_main_job(session, organisation_id) for _ in range(credentials)]
    bring(database, "0001", back=True)
    return organisation_id, issued


def rows(database: Database, *tables: str) -> dict[str, list[dict[str, Any]]]:
    described = MetaData()
    described.reflect(database.engine, only=tables)
    with database.engine.connect() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(table.select().order_by(table.c.id)).mappings()
            ]
            for table in described.tables.values()
            if table.name in tables
        }


def indexes(database: Database) -> dict[str, set[str | None]]:
    found = inspect(database.engine)
    return {table: {index["name"] for index in found.get_indexes(table)} for table in ("period", "document")}


KEPT = ("organisation", "person", "credential", "document", "decision", "event")


def test_a_database_at_work_is_brought_up_with_everything_in_it(empty: Database) -> None:
    at_work(empty, credentials=3)
    before = rows(empty, "period", *KEPT)
    schema.upgrade(empty)
    after = rows(empty, "period", *KEPT)
    assert schema.is_current(empty)
    added: dict[str, dict[str, Any]] = {
        "period": {"kind": "grant", "cycle": 1, "renewal_id": None, "ended_on": None},
        "organisation": {
            "issuer_code": 1,
            "register_open": True,
            "requests_per_minute": None,
            "host": None,
            "version": 1,
        },
        "membership": {"version": 1},
        "credential": {"hidden_at": None, "mode": "test", "updated_at": ANY},
        "document": {"proof": None, "level": None, "mac": None},
        "decision": {"minutes_id": None},
    }
    for table in ("period", *KEPT):
        assert after[table] == [{**row, **added.get(table, {})} for row in before[table]], table
    assert len(after["period"]) == 3


@pytest.mark.parametrize("empty", ["postgresql"], indirect=True)
def test_postgresql_spends_no_time_on_compressing_what_is_signed(empty: Database) -> None:
    at_work(empty)
    kept = text(
        "SELECT attstorage::text FROM pg_attribute "
        "WHERE (attrelid::regclass::text, attname) IN (('document', 'token'), ('intent', 'unsigned'))"
    )
    schema.upgrade(empty)
    with empty.engine.connect() as connection:
        assert connection.scalars(kept).all() == ["e", "e"]
    bring(empty, "0016", back=True)
    with empty.engine.connect() as connection:
        assert connection.scalars(kept).all() == ["x", "x"]


def test_a_database_that_was_brought_up_is_watched_over_as_before(empty: Database) -> None:
    at_work(empty)
    schema.upgrade(empty)
    with empty.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    refused(empty, "UPDATE document SET period_id = 'prd_nowhere'")
    refused(empty, "DELETE FROM period")


def test_what_was_issued_for_trying_is_known_by_what_its_first_document_says(empty: Database) -> None:
    _, issued = at_work(empty, credentials=4)
    trial, live, unread, pending = issued
    said = {trial: {"name": "TEST – Title"}, live: {"name": "Title"}}  # noqa: RUF001 - as it is written
    with empty.engine.begin() as connection:
        for name, content in said.items():
            token = f"e30.{urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip('=')}.e30"
            of_it = "period_id IN (SELECT id FROM period WHERE credential_id = :name)"
            connection.execute(
                text(f"UPDATE document SET token = :token WHERE {of_it}"),  # noqa: S608 - no value of anybody's
                {"token": token, "name": name},
            )
        connection.execute(
            text(f"DELETE FROM document WHERE {of_it}"),  # noqa: S608 - no value of anybody's
            {"name": pending},
        )
    schema.upgrade(empty)
    assert {row["mode"] for row in rows(empty, "credential")["credential"]} == {"test"}
    bring(empty, "0004", back=True)
    with empty.engine.begin() as connection:
        connection.execute(text("UPDATE organisation SET mode = 'live'"))
    schema.upgrade(empty)
    modes = {row["id"]: row["mode"] for row in rows(empty, "credential")["credential"]}
    assert modes == {trial: "test", live: "live", unread: "test", pending: "test"}


def test_going_back_leaves_what_the_first_release_knew(empty: Database) -> None:
    at_work(empty, credentials=2)
    before, kept = rows(empty, "period", *KEPT), indexes(empty)
    schema.upgrade(empty)
    bring(empty, "0001", back=True)
    assert (rows(empty, "period", *KEPT), indexes(empty)) == (before, kept)
    refused(
        empty,
        "INSERT INTO period (id, organisation_id, credential_id, seq, decision_id, scheme_version, "
        "valid_from, valid_until) SELECT 'prd_2', organisation_id, credential_id, 2, 'dec_none', "
        "scheme_version, valid_from, valid_until FROM period LIMIT 1",
    )
    schema.upgrade(empty)
    assert schema.is_current(empty)


def test_going_back_after_a_renewal_drops_what_came_of_it(empty: Database) -> None:
    organisation_id, (credential_id,) = at_work(empty)
    before = rows(empty, "period", *KEPT)
    schema.upgrade(empty)
    renewed(empty, organisation_id, credential_id)
    bring(empty, "0001", back=True)
    assert rows(empty, "period", *KEPT) == before


def refused(database: Database, statement: str, **values: Any) -> None:
    """The database itself says no, however one gets at it."""

    def attempt(connection: Connection) -> None:
        with pytest.raises(DBAPIError):
            connection.execute(text(statement), values)

    with database.engine.connect() as connection, connection.begin() as transaction:
        attempt(connection)
        transaction.rollback()


def renewal(session: Session, organisation_id: str, credential_id: str, state: RenewalState) -> Renewal:
    holder = session.get_one(Credential, credential_id).holder_id
    made = Renewal(
        id=new_id("ren"),
        organisation_id=organisation_id,
        credential_id=credential_id,
        holder_id=holder,
        cycle=1,
        kind=RenewalKind.RENEWAL,
        state=state,
        late=False,
        filed_at=AT,
        filed_on=date(2029, 10, 1),
        scheme_version="1.0.0",
        rules_digest="0" * 64,
        evaluation={"lines": []},
        cured=False,
        decided_on=date(2029, 11, 1) if state is RenewalState.APPROVED else None,
        decided_by="system" if state is RenewalState.APPROVED else None,
        decided_at=AT if state is RenewalState.APPROVED else None,
    )
    session.add(made)
    session.flush()
    return made


def period(
    session: Session,
    renewed_by: Renewal,
    kind: PeriodKind,
    *,
    first: date = date(2029, 11, 21),
    last: date = date(2032, 11, 20),
    seq: int = 2,
) -> Period:
    made = Period(
        id=new_id("prd"),
        organisation_id=renewed_by.organisation_id,
        credential_id=renewed_by.credential_id,
        seq=seq,
        kind=kind,
        cycle=2,
        renewal_id=renewed_by.id,
        scheme_version="1.0.0",
        valid_from=first,
        valid_until=last,
    )
    session.add(made)
    session.flush()
    return made


def renewed(database: Database, organisation_id: str, credential_id: str) -> str:
    with database.writing(organisation_id) as session:
        made = renewal(session, organisation_id, credential_id, RenewalState.APPROVED)
        period(session, made, PeriodKind.RENEWAL)
        return made.id


@pytest.mark.parametrize("state", list(RenewalState), ids=lambda state: state.value)
@pytest.mark.parametrize("kind", [PeriodKind.RENEWAL, PeriodKind.BRIDGE], ids=lambda kind: kind.value)
def test_i14_a_period_needs_an_approved_renewal_and_a_bridge_one_under_review(
    empty: Database, state: RenewalState, kind: PeriodKind
) -> None:
    organisation_id, (credential_id,) = at_work(empty)
    schema.upgrade(empty)
    under_review = {RenewalState.SUBMITTED, RenewalState.AUDIT, RenewalState.CURE}
    allowed = state is RenewalState.APPROVED if kind is PeriodKind.RENEWAL else state in under_review
    with empty.writing(organisation_id) as session:
        made = renewal(session, organisation_id, credential_id, state)
        if allowed:
            assert period(session, made, kind).kind is kind
        else:
            with pytest.raises(DBAPIError):
                period(session, made, kind)
            session.rollback()


def test_i14_another_credentials_renewal_is_no_ground(empty: Database) -> None:
    organisation_id, (mine, theirs) = at_work(empty, credentials=2)
    schema.upgrade(empty)
    renewal_id = renewed(empty, organisation_id, mine)
    refused(
        empty,
        "INSERT INTO period (id, organisation_id, credential_id, seq, kind, cycle, renewal_id, "
        "scheme_version, valid_from, valid_until) SELECT 'prd_2', organisation_id, :credential, 2, "
        "'renewal', 2, :renewal, scheme_version, '2029-11-21', '2032-11-20' FROM period LIMIT 1",
        credential=theirs,
        renewal=renewal_id,
    )


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2029, 11, 20), date(2032, 11, 20)),
        (date(2026, 11, 1), date(2026, 11, 20)),
        (date(2027, 1, 1), date(2027, 2, 1)),
        (date(2020, 1, 1), date(2040, 1, 1)),
    ],
    ids=["its last day", "its first day", "within", "around"],
)
def test_i30_periods_of_a_credential_never_share_a_day(empty: Database, first: date, last: date) -> None:
    organisation_id, (credential_id,) = at_work(empty)
    schema.upgrade(empty)
    with empty.writing(organisation_id) as session:
        made = renewal(session, organisation_id, credential_id, RenewalState.APPROVED)
        with pytest.raises(DBAPIError):
            period(session, made, PeriodKind.RENEWAL, first=first, last=last)
        session.rollback()


def test_i30_a_bridge_that_ended_makes_room_for_what_follows(empty: Database) -> None:
    organisation_id, (credential_id,) = at_work(empty)
    schema.upgrade(empty)
    with empty.writing(organisation_id) as session:
        made = renewal(session, organisation_id, credential_id, RenewalState.AUDIT)
        bridge = period(session, made, PeriodKind.BRIDGE, last=date(2030, 2, 18))
        made.state = RenewalState.APPROVED
        bridge.ended_on = date(2030, 1, 9)
        session.flush()
        period(session, made, PeriodKind.RENEWAL, first=date(2030, 1, 10), seq=3)
    refused(empty, "UPDATE period SET ended_on = NULL WHERE kind = 'bridge'")
    refused(empty, "UPDATE period SET ended_on = '2030-01-20' WHERE kind = 'bridge'")
    refused(empty, "UPDATE period SET ended_on = '2031-01-09' WHERE kind = 'renewal'")


KEPT_AS_THEY_ARE = (
    "UPDATE period SET valid_until = '2040-01-01' WHERE seq = 2",
    "UPDATE period SET cycle = 3 WHERE seq = 2",
    "UPDATE period SET kind = 'bridge' WHERE seq = 2",
    "UPDATE period SET renewal_id = NULL WHERE seq = 2",
    "UPDATE renewal SET state = 'submitted'",
    "UPDATE renewal SET state = 'refused'",
    "UPDATE renewal SET cycle = 2",
    "UPDATE renewal SET rules_digest = '1'",
    "UPDATE renewal SET evaluation = '{}'",
    "UPDATE renewal SET decided_by = 'somebody'",
    "UPDATE cpd_activity SET state = 'claimed'",
    "UPDATE cpd_activity SET hours = 1",
    "UPDATE cpd_activity SET renewal_id = NULL",
    "UPDATE audit_draw SET seed = '1'",
    "UPDATE audit_draw SET drawn_at = NULL",
    "UPDATE credential SET closed_at = NULL",
)


def test_what_was_decided_counted_drawn_or_closed_stays_as_it_was(empty: Database) -> None:
    organisation_id, (credential_id,) = at_work(empty)
    schema.upgrade(empty)
    renewal_id = renewed(empty, organisation_id, credential_id)
    with empty.writing(organisation_id) as session:
        held = session.get_one(Credential, credential_id)
        held.closed_at = AT
        session.add(activity(held, renewal_id))
        session.add(
            AuditDraw(
                id=new_id("drw"),
                organisation_id=organisation_id,
                scheme_id=held.scheme_id,
                seed="0" * 64,
                commitment="0" * 64,
                committed_at=AT,
                drawn_at=AT,
                drawn_by="system",
                outcome={},
            )
        )
    for statement in KEPT_AS_THEY_ARE:
        refused(empty, statement)


def activity(credential: Credential, renewal_id: str) -> CpdActivity:
    return CpdActivity(
        id=new_id("act"),
        organisation_id=credential.organisation_id,
        credential_id=credential.id,
        holder_id=credential.holder_id,
        title="Corso",
        provider="Scuola",
        started_on=FIRST,
        ended_on=FIRST,
        hours=Decimal(8),
        category="learning",
        topics={},
        competences=["T1"],
        fingerprint="0" * 64,
        source=ActivitySource.MEMBER,
        state=ActivityState.LOCKED,
        recorded_by="system",
        created_at=AT,
        renewal_id=renewal_id,
    )


def test_going_back_to_where_nothing_is_delivered_forgets_where_it_was_to_go(empty: Database) -> None:
    organisation_id, (credential_id,) = at_work(empty)
    schema.upgrade(empty)
    with empty.writing(organisation_id) as session:
        (document,) = session.query(Document).all()
        waiting = Delivery(
            id=new_id("dlv"),
            organisation_id=organisation_id,
            credential_id=credential_id,
            document_id=document.id,
            recipient=RecipientKind.WALLET,
            address="A-1",
            language="it",
            state=DeliveryState.WAITING,
            asked_at=AT,
        )
        session.add(waiting)
        left = messages.leave(
            session, "document.deliver", {"delivery": waiting.id}, organisation_id=organisation_id, at=AT
        )
    bring(empty, "0005", back=True)
    before = rows(empty, *KEPT)
    bring(empty, "0004", back=True)
    assert rows(empty, *KEPT) == before
    with empty.reading(organisation_id) as session:
        assert session.get_one(Message, left).done_at is not None
    schema.upgrade(empty)
    assert schema.is_current(empty)
    assert rows(empty, "delivery") == {"delivery": []}


def test_one_delivery_of_a_document_waits_and_none_belongs_to_nothing(empty: Database) -> None:
    _, (credential_id,) = at_work(empty)
    schema.upgrade(empty)
    insert = (
        "INSERT INTO delivery (id, organisation_id, credential_id, document_id, recipient, language, state, "
        "asked_at) SELECT :id, organisation_id, :credential, {document}, 'email', 'it', 'waiting', issued_at "
        "FROM document"
    )
    with empty.engine.begin() as connection:
        connection.execute(text(insert.format(document="id")), {"id": "dlv_1", "credential": credential_id})
    refused(empty, insert.format(document="id"), id="dlv_2", credential=credential_id)
    refused(empty, insert.format(document="'doc_none'"), id="dlv_2", credential=credential_id)
    refused(empty, "UPDATE delivery SET address = 'A-1'")


def test_a_secret_of_a_webhook_that_was_replaced_before_signs_until_its_day_is_over(empty: Database) -> None:
    organisation_id, _ = at_work(empty)
    bring(empty, "0014")
    until = AT + timedelta(hours=3)
    with empty.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO webhook_endpoint (id, organisation_id, url, description, types, secret, "
                "former_secret, former_until, created_by, created_at, seen) VALUES (:id, :organisation, "
                "'https://example.org/', '', '[]', :secret, :former, :until, 'per_1', :until, 0)"
            ).bindparams(bindparam("until", type_=Instant)),
            [
                {
                    "id": "whk_1",
                    "organisation": organisation_id,
                    "secret": b"new",
                    "former": b"old",
                    "until": until,
                },
                {
                    "id": "whk_2",
                    "organisation": organisation_id,
                    "secret": b"one",
                    "former": None,
                    "until": until,
                },
            ],
        )
    schema.upgrade(empty)
    with empty.reading(organisation_id) as session:
        replaced, other = (session.get_one(WebhookEndpoint, each) for each in ("whk_1", "whk_2"))
        assert (replaced.secret, replaced.former(AT)) == (b"new", [(b"old", until)])
        assert replaced.former(until) == other.former(AT) == []
    bring(empty, "0014", back=True)
    schema.upgrade(empty)
    with empty.reading(organisation_id) as session:
        assert session.get_one(WebhookEndpoint, "whk_1").former(AT) == []


def test_nobody_goes_back_past_a_host_that_documents_name(empty: Database) -> None:
    at_work(empty)
    schema.upgrade(empty)
    with empty.engine.begin() as connection:
        connection.execute(text("UPDATE organisation SET host = 'credentials.body.example'"))
    with pytest.raises(ValueError, match="a host of its own, which its documents name"):
        bring(empty, "0017", back=True)
    with empty.engine.connect() as connection:
        assert connection.scalars(text("SELECT host FROM organisation")).all() == ["credentials.body.example"]
