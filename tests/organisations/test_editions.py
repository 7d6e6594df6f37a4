"""What a tag is good for: to change nothing unseen, and to be sent nothing twice."""

import pytest

from app.main import create_app
from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.calling import Caller

SCHEME = "uni-11621-8/ai-deep-learning-engineer"


@pytest.fixture
def applicant(ports: Ports) -> Caller:
    _, [token] = make.tokens(ports, (Role.SECRETARIAT,))
    return make.caller(create_app(ports), token)


def dossier(calls: Caller) -> tuple[str, str]:
    """A draft, and the tag that it has at first."""
    made = calls.post("/v1/dossiers", json={"scheme": SCHEME, "language": "it", "ai_disclosure": False})
    assert made.status_code == 201, made.text
    return f"/v1/dossiers/{made.json()['id']}", made.headers["ETag"]


def test_what_was_changed_since_it_was_read_is_not_changed_unseen(applicant: Caller) -> None:
    path, first = dossier(applicant)
    assert applicant.get(path).headers["ETag"] == first
    changed = applicant.patch(path, json={"language": "en"}, headers={"If-Match": first})
    assert changed.status_code == 200, changed.text
    assert applicant.get(path).headers["ETag"] == changed.headers["ETag"] != first
    late = applicant.patch(path, json={"ai_disclosure": True}, headers={"If-Match": first})
    assert (late.status_code, late.json()["code"]) == (412, "changed-meanwhile")
    assert applicant.get(path).json() == changed.json()
    again = applicant.patch(path, json={"ai_disclosure": True}, headers={"If-Match": changed.headers["ETag"]})
    assert again.json()["ai_disclosure"] is True


def test_a_dossier_is_not_changed_by_who_does_not_say_what_they_read(applicant: Caller) -> None:
    path, _ = dossier(applicant)
    blind = applicant.patch(path, json={"language": "en"})
    assert (blind.status_code, blind.json()["code"]) == (428, "edition-missing")
    assert applicant.get(path).json()["language"] == "it"


@pytest.mark.parametrize(
    "held", ["", "nonsense", '"x"', 'W/"1-a"', '"1"', '"99999999999999999999-a"', '"2-a"', ", ,"]
)
def test_what_is_no_strong_tag_of_this_edition_matches_nothing(applicant: Caller, held: str) -> None:
    path, _ = dossier(applicant)
    answer = applicant.patch(path, json={"language": "en"}, headers={"If-Match": held})
    assert (answer.status_code, answer.json()["code"]) == (412, "changed-meanwhile")
    assert applicant.get(path).json()["language"] == "it"


def test_one_of_several_tags_is_enough_and_a_star_is_any(applicant: Caller) -> None:
    path, first = dossier(applicant)
    several = {"If-Match": f'"77-a", {first}'}
    assert applicant.patch(path, json={"language": "en"}, headers=several).status_code == 200
    assert applicant.patch(path, json={"language": "it"}, headers={"If-Match": "*"}).status_code == 200


def test_who_may_not_change_it_hears_that_and_not_whether_the_tag_is_right(ports: Ports) -> None:
    _, [one, other] = make.tokens(ports, (Role.SECRETARIAT,), (Role.ASSESSOR,))
    app = create_app(ports)
    path, first = dossier(make.caller(app, one))
    for held in (first, '"77-a"'):
        answer = make.caller(app, other).patch(path, json={"language": "en"}, headers={"If-Match": held})
        assert answer.json()["code"] == "dossier-not-found"


def test_a_membership_is_held_to_its_edition(ports: Ports) -> None:
    organisation, [token] = make.tokens(ports, (Role.SECRETARIAT,))
    calls = make.caller(create_app(ports), token)
    listed = calls.get(f"/v1/organisations/{organisation}/members").json()["data"]
    membership = next(each["memberships"][0]["id"] for each in listed if each["memberships"])
    path = f"/v1/organisations/{organisation}/memberships/{membership}"
    read = calls.get(path)
    assert calls.patch(
        path, json={"state": "suspended"}, headers={"If-Match": read.headers["ETag"]}
    ).is_success
    stale = calls.patch(path, json={"state": "active"}, headers={"If-Match": read.headers["ETag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed-meanwhile")
    assert calls.get(path).json()["state"] == "suspended"
    assert calls.patch(path, json={"state": "active"}).is_success  # not everybody keeps tags


def test_what_the_reader_has_already_is_not_sent_again(applicant: Caller) -> None:
    path, _ = dossier(applicant)
    for place in (path, "/v1/dossiers", "/v1/me"):
        read = applicant.get(place)
        same = applicant.get(place, headers={"If-None-Match": read.headers["ETag"]})
        weak = applicant.get(place, headers={"If-None-Match": f'"x", W/{read.headers["ETag"]}'})
        assert (same.status_code, same.content) == (weak.status_code, weak.content) == (304, b"")
        assert same.headers["ETag"] == read.headers["ETag"]
        assert "content-type" not in same.headers
        assert applicant.get(place, headers={"If-None-Match": '"x"'}).status_code == 200


def test_the_answer_to_what_was_sent_again_has_the_tag_of_the_first(applicant: Caller) -> None:
    asked = {"scheme": SCHEME, "language": "it", "ai_disclosure": False}
    first, again = (
        applicant.post("/v1/dossiers", json=asked, headers={"Idempotency-Key": "a"}) for _ in range(2)
    )
    assert first.status_code == again.status_code == 201
    assert first.headers["ETag"] == again.headers["ETag"]
