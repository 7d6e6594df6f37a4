from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx

from app.dossiers import queries
from app.outbox.trail import digest
from app.ports import Ports
from tests.dossiers import steps
from tests.dossiers.steps import Cast, problem

AT_ONCE = 8


def test_of_many_dossiers_begun_at_once_one_is_open(cast: Cast) -> None:
    gate = Barrier(AT_ONCE)

    def begin(_: int) -> httpx.Response:
        gate.wait()
        asked = {"scheme": steps.SCHEME, "language": "it", "ai_disclosure": True}
        return cast.applicant.calls.post("/v1/dossiers", json=asked)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(begin, range(AT_ONCE)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"dossier-open-already"}


def test_evidence_that_races_with_the_submission_is_in_the_snapshot_or_refused(
    cast: Cast, ports: Ports
) -> None:
    dossier = steps.complete(cast.applicant)
    gate = Barrier(AT_ONCE)

    def act(place: int) -> httpx.Response:
        gate.wait()
        if place == 0:
            return steps.submit(cast.applicant, dossier)
        return steps.attach(cast.applicant, dossier, "competition", {"url": "https://example.org"}, name=None)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        submitted, *added = threads.map(act, range(AT_ONCE))

    assert submitted.status_code == 200, submitted.text
    taken = [answer for answer in added if answer.status_code == 201]
    refused = {problem(answer)[1] for answer in added if answer.status_code != 201}
    assert refused <= {"dossier-closed-to-changes", "evidence-too-many"}
    with ports.database.reading(cast.organisation) as session:
        found = queries.by_id(session, dossier)
        assert len(found.evidence) == len(steps.COMPLETE) + len(taken)
        assert len(taken) <= 5  # no more than the scheme allows of the kind
        assert found.snapshot_hash == digest(queries.snapshot(found))
