"""Sealed credentials on a shelf, quickly made: register entries whose seals come from the test authority."""

import hashlib
import uuid
from collections.abc import Sequence

from app.core.days import anniversary
from app.core.ids import new_id
from app.core.numbers import CredentialNumber
from app.credentials.models import Credential, Document, Period
from app.credentials.rules import PeriodKind
from app.formats import jades
from app.formats.claims import Format
from app.formats.jades import Level, Seal
from app.organisations.models import Mode
from app.ports import Ports
from app.schemes.catalogue import catalogue
from tests import make
from tests.pki.authority import Holder
from tests.pki.samples import EDC
from tests.pki.signing import with_signature


def sealed(holder: Holder, content: bytes, ports: Ports) -> Seal:
    header = jades.protected_header(holder.public, at=ports.clock.now(), signing_time="iat", kind="edc")
    seal = jades.unsigned_seal(header, content)
    return with_signature(seal, holder.sign(seal.signing_input))


def filled(ports: Ports, holder: Holder, count: int, *, content: bytes = EDC) -> Sequence[str]:
    """Found an organisation and enter so many credentials, each with an EDC at B-B; name those."""
    at = ports.clock.now()
    scheme = catalogue().all_in_force(at.date())[0]
    with ports.database.writing() as session:
        organisation_id = make.organisation(session, at).organisation.id
    with ports.database.writing(organisation_id) as session:
        names = []
        for _ in range(count):
            person = make.person(session, organisation_id, at=at, member=False)
            decision = make.granted_decision(session, organisation_id, person, at=at)
            credential = Credential(
                id=new_id("crd"),
                organisation_id=organisation_id,
                number=str(CredentialNumber.draw(scheme.code, at.year)),
                holder_id=person.id,
                scheme_id=scheme.id,
                subject_id=uuid.uuid4().urn,
                mode=Mode.TEST,
                anchor=at.date(),
                created_at=at,
                issued_at=at,
            )
            period = Period(
                id=new_id("prd"),
                organisation_id=organisation_id,
                credential_id=credential.id,
                seq=1,
                kind=PeriodKind.GRANT,
                cycle=1,
                decision_id=decision.id,
                scheme_version=scheme.version,
                valid_from=at.date(),
                valid_until=anniversary(at.date(), 3),
            )
            jti = uuid.uuid4().urn
            token = sealed(holder, content.replace(OWN_NAME, jti.encode()), ports).general()
            document = Document(
                id=new_id("doc"),
                organisation_id=organisation_id,
                period_id=period.id,
                format=Format.EDC.value,
                jti=jti,
                token=token,
                sha256=hashlib.sha256(token.encode()).hexdigest(),
                key_thumbprint=holder.public.thumbprint,
                issued_at=at,
                level=Level.B_B,
            )
            session.add(credential)
            session.flush()
            session.add(period)
            session.flush()
            session.add(document)
            session.flush()
            names.append(document.id)
        return names


OWN_NAME = b"urn:credential:6f1d2c0e-3f0a-4b3f-9b7e-2b1f6f0b7c11"
assert OWN_NAME in EDC
