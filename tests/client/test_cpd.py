"""Activities from a CSV, as spreadsheets and people write them; each row has its own result."""

import csv
import signal
from pathlib import Path

import pytest

from app.client import cpd
from app.client.visit import Ends
from app.client.words import Language, Told, Voice
from tests.client.conftest import Member
from tests.client.stub import Stub

HEAD = "title,provider,started_on,ended_on,hours,category,topics,competences,note,proof_kind,proof,claim"
ROW = 'A course,A school,2027-03-15,2027-03-17,16,learning,responsible_ai:2,"T1, C1",,url,https://example.org/1,'


def write(path: Path, *rows: str, head: str = HEAD, encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join([head, *rows, ""]).encode(encoding))
    return path


def only(path: Path) -> cpd.Row:
    (row,) = cpd.read(path)
    return row


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("head", "row"),
    [
        (HEAD, ROW),
        (
            "titolo;ente;dal;al;ore;categoria;temi;competenze;tipo_prova;prova",
            "A course;A school;15/03/2027;17/03/2027;16;learning;responsible_ai=2;T1 C1;url;https://example.org/1",
        ),
        (
            "Title\tProvider\tStarted on\tEnded on\tHours\tCategory\tTopics\tCompetences\tProof\t\t",
            "A course\tA school\t15.3.2027\t17-03-2027\t16\tlearning\tresponsible_ai:2\tT1|C1\thttps://example.org/1\t\t",
        ),
    ],
    ids=["comma", "semicolon-in-italian", "tab-from-a-spreadsheet"],
)
def test_a_row_means_the_same_however_a_spreadsheet_wrote_it(
    tmp_path: Path, head: str, row: str, ends: str, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(ends.join([head, row, ""]).encode(encoding))
    found = only(path)
    assert found.wrong == ()
    assert found.body == {
        "title": "A course",
        "provider": "A school",
        "started_on": "2027-03-15",
        "ended_on": "2027-03-17",
        "hours": "16",
        "category": "learning",
        "topics": {"responsible_ai": "2"},
        "competences": ["T1", "C1"],
        "claim": True,
        "proof": [{"kind": "url", "reference": "https://example.org/1"}],
    }


@pytest.mark.parametrize(
    ("text", "read"),
    [("7,5", "7.5"), ("7.5", "7.5"), (" 16 ", "16"), ("0,25", "0.25")],
)
def test_hours_may_have_a_comma(text: str, read: str) -> None:
    assert cpd.hours(text) == read


@pytest.mark.parametrize("text", ["", "a", "1.000,5", "-1", "1e3", "٣", "1,", "7h", "9" * 30])
def test_what_is_no_number_of_hours_is_said_to_be_so(text: str) -> None:
    with pytest.raises(Told, match="not a number of hours"):
        cpd.hours(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2027-03-05", "2027-03-05"),
        ("5/3/2027", "2027-03-05"),
        ("05.03.2027", "2027-03-05"),
        ("29/02/2028", "2028-02-29"),
    ],
)
def test_days_may_be_written_as_in_italy(text: str, read: str) -> None:
    assert cpd.day(text, "started_on") == read


@pytest.mark.parametrize(
    "text", ["29/02/2027", "31/11/2027", "03/15/2027", "5 marzo", "15/03/27", "2027-3", "0/0/0000"]
)
def test_what_is_no_day_is_said_to_be_so(text: str) -> None:
    with pytest.raises(Told, match="is not a date"):
        cpd.day(text, "started_on")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        ("responsible_ai:2", {"responsible_ai": "2"}),
        ("responsible_ai:2,sustainability:1,5", {"responsible_ai": "2", "sustainability": "1.5"}),
        ("a=1; b = 0.25 | c: 3", {"a": "1", "b": "0.25", "c": "3"}),
    ],
)
def test_topics_have_their_hours(text: str, read: dict[str, str]) -> None:
    assert cpd.topics(text) == read


@pytest.mark.parametrize("text", ["responsible_ai", "responsible_ai:two", "2", "a:1:2", "a:1,2,3", "a:-1"])
def test_what_is_no_topic_is_said_to_be_so(text: str) -> None:
    with pytest.raises(Told, match="cannot be read"):
        cpd.topics(text)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("A course,", ","), "title is missing"),
        (("2027-03-15", "15 marzo"), "not a date"),
        ((",16,", ",sixteen,"), "not a number of hours"),
        (("responsible_ai:2", "responsible_ai"), "topics"),
        ((",url,https://example.org/1", ",,certificate.pdf"), "without proof_kind"),
        ((",url,https://example.org/1", ",certificate,"), "without a proof"),
        ((",url,https://example.org/1", ",certificate,gone.pdf"), "gone.pdf is not beside"),
        ((",url,https://example.org/1", ",certificate,../outside.pdf"), "outside the folder"),
        (("https://example.org/1,", "https://example.org/1,perhaps"), "not yes or no"),
        (('"T1, C1"', "T1, C1"), "not yes or no|more cells"),
    ],
)
def test_a_row_that_cannot_be_sent_says_why_and_spoils_no_other(
    tmp_path: Path, changed: tuple[str, str], words: str
) -> None:
    folder = tmp_path / "csv"
    folder.mkdir()
    (tmp_path / "outside.pdf").write_bytes(b"%PDF")
    path = write(folder / "a.csv", ROW.replace(*changed), ROW)
    wrong, right = cpd.read(path)
    assert any(part in "; ".join(map(str, wrong.wrong)) for part in words.split("|")), wrong.wrong
    assert right.wrong == ()
    assert (wrong.number, right.number) == (2, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfet\x00i\x00", "not UTF-8"),
        ("titolo;perché".encode("latin-1"), "not UTF-8"),
        (b"title\n", "columns are missing: provider"),
        (HEAD.encode(), "no rows"),
        (HEAD.replace("hours", "hous").encode(), "(→ hours?)"),
        (HEAD.replace("note", "title").encode(), "is there twice"),
        ((HEAD + '\n"never closed').encode(), "quotation mark"),
        ((HEAD + '\n"' + "x" * 200_000).encode(), "cannot be read as CSV"),
    ],
    ids=["empty", "utf-16", "latin-1", "columns", "no-rows", "typo", "twice", "quote", "field"],
)
def test_a_file_that_is_wrong_says_what_to_mend(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(cpd.CsvWrong) as wrong:
        cpd.read(path)
    assert words in str(wrong.value)


def test_rows_are_numbered_as_a_spreadsheet_numbers_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '"Two\nlines",A,2027-03-15,,1,learning,,T1,,,,', "", ",,,,,,,,,,,", ROW)
    assert [row.number for row in cpd.read(path)] == [2, 5]


@pytest.mark.parametrize("language", list(Language))
def test_the_template_can_be_imported_as_it_is(tmp_path: Path, language: Language) -> None:
    path = tmp_path / "a.csv"
    path.write_text(cpd.template(Voice(language)), encoding="utf-8")
    row = only(path)
    assert row.wrong == ()
    assert row.body["topics"] == {"responsible_ai": "2", "sustainability": "0.5"}


def test_an_import_says_what_became_of_each_row_and_a_second_one_changes_nothing(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "a.csv",
        ROW,
        ROW.replace(",16,", ",0,"),
        ROW.replace("2027-03-15", "x"),
        ROW.replace("A c", "B c"),
    )
    said = member("cpd", "import", str(path), "--json")
    assert said.code == Ends.REFUSED
    assert said.json["counts"] == {"created": 2, "unchanged": 0, "refused": 2, "not_sent": 0}
    assert [result["outcome"] for result in said.json["results"]] == [
        "created",
        "refused",
        "refused",
        "created",
    ]
    assert [result["reasons"] for result in said.json["results"][1:3]] == [
        ["hours: must be more than nothing"],
        ["started_on: “x” is not a date like 2027-03-15 or 15/03/2027"],
    ]
    said = member("cpd", "import", str(path))
    assert "0 new, 2 already there, 2 turned down" in said.words
    assert "must be more than nothing" in said.words
    assert len(service.activities) == 2
    write(path, ROW)
    said = member("cpd", "import", str(path))
    assert (said.code, "nothing has changed" in said.words) == (Ends.OK, True)


def test_a_row_that_stands_twice_in_a_file_names_the_first(member: Member, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROW, ROW)
    said = member("cpd", "import", str(path), "--json")
    assert [one["reasons"] for one in said.json["results"]] == [[], ["same as row 2"]]


def test_an_import_without_a_credential_says_so_before_anything_moves(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    service.credentials = []
    said = member("cpd", "import", str(write(tmp_path / "a.csv", ROW)))
    assert (said.code, "Rows" in said.words) == (Ends.REFUSED, False)
    assert "You have no credential yet" in said.words


def test_a_report_has_a_line_for_every_row_and_nothing_that_a_spreadsheet_would_run(
    member: Member, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", ROW, ROW.replace("A course", "=1+1").replace(",16,", ",0,"))
    member("cpd", "import", str(path), "--report", "report.csv")
    with Path("report.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["row"], line["outcome"]) for line in lines] == [("2", "created"), ("3", "refused")]
    assert lines[1]["title"] == "'=1+1"
    before = path.read_bytes()
    assert member("cpd", "import", str(path), "--report", str(path)).code == Ends.USAGE
    assert path.read_bytes() == before


def test_a_file_beside_the_csv_is_sent_after_its_row_and_once(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    (tmp_path / "proof.pdf").write_bytes(b"%PDF-1.7 proof")
    path = write(tmp_path / "a.csv", ROW.replace("url,https://example.org/1", "certificate,proof.pdf"))
    said = member("cpd", "import", str(path), "--json")
    assert said.json["files_sent"] == 1
    assert said.json["results"][0]["state"] == "claimed"
    again = member("cpd", "import", str(path), "--json")
    assert (again.code, again.json["files_sent"]) == (Ends.OK, 0)
    (activity,) = service.activities.values()
    assert [proof["original_name"] for proof in activity["proofs"]] == ["proof.pdf"]


def test_a_proof_that_was_lost_on_the_way_is_sent_by_the_next_import(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    (tmp_path / "proof.pdf").write_bytes(b"%PDF-1.7 proof")
    path = write(tmp_path / "a.csv", ROW.replace("url,https://example.org/1", "certificate,proof.pdf"))
    service.hang_up = lambda method, path: "before" if path.endswith("/proofs") else None  # noqa: ARG005
    assert member("cpd", "import", str(path)).code == Ends.NETWORK
    assert [activity["state"] for activity in service.activities.values()] == ["draft"]
    service.hang_up = lambda method, path: None  # noqa: ARG005
    assert member("cpd", "import", str(path), "--json").json["results"][0]["state"] == "claimed"


def test_a_proof_that_a_row_gets_later_is_sent_and_what_waits_is_claimed(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", ROW.replace("url,https://example.org/1", ","))
    said = member("cpd", "import", str(path))
    assert "1 stay drafts" in said.words
    write(path, ROW)
    assert member("cpd", "import", str(path), "--json").json["results"][0]["state"] == "claimed"
    service.activities["act_00000000000000000000000001"]["state"] = (
        "draft"  # a renewal was pending meanwhile, say
    )
    assert member("cpd", "import", str(path), "--json").json["results"][0]["state"] == "claimed"
    service.activities["act_00000000000000000000000001"]["state"] = "draft"
    assert "Claimed" in member("cpd", "claim", "act_00000000000000000000000001").words
    before = len(service.asked)
    member("cpd", "import", str(path))
    assert "/claim" not in "".join(path for _, path, _ in service.asked[before:])


def test_ten_thousand_rows_arrive_in_chunks_although_the_line_breaks(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", *(ROW.replace("A course", f"Course {place}") for place in range(10_000)))
    # The stub looks through all it has for every row; here only the counting matters.
    seen: dict[str, str] = {}

    def add(body: dict[str, object], *, claim: bool | None = None) -> tuple[int, dict[str, object]]:
        del claim
        title = str(body["title"])
        status = 200 if title in seen else 201
        return status, {"id": seen.setdefault(title, f"act_{len(seen)}"), "state": "claimed"}

    service.add = add  # type: ignore[method-assign] # a quicker one
    service.hang_up = lambda method, path: (  # noqa: ARG005
        "before" if len(service.paths("POST")) == 20 and path.endswith("imports") else None
    )
    said = member("cpd", "import", str(path))
    assert said.code == Ends.NETWORK
    assert "Stopped after 4000 of 10000 rows" in said.words
    service.hang_up = lambda method, path: None  # noqa: ARG005
    said = member("cpd", "import", str(path), "--json")
    assert said.code == Ends.OK
    assert said.json["counts"] == {"created": 6000, "unchanged": 4000, "refused": 0, "not_sent": 0}
    sizes = [len(body["rows"]) for _, asked, body in service.asked if asked == "/v1/cpd-imports"]
    assert set(sizes) == {cpd.ROWS_AT_ONCE}
    assert member("cpd", "import", str(path), "--json").json["counts"]["unchanged"] == 10_000


def test_rows_on_which_the_service_chokes_do_not_keep_the_others_back(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    rows = [ROW.replace("A course", f"Course {place}") for place in range(5)]
    path = write(tmp_path / "a.csv", *rows, ROW.replace("A course", "x" * 201))
    said = member("cpd", "import", str(path), "--json")
    assert said.json["counts"] == {"created": 5, "unchanged": 0, "refused": 1, "not_sent": 0}
    assert said.json["results"][-1]["reasons"] == ["title: one line of text, 200 characters at most"]
    assert len(service.activities) == 5


def test_long_rows_go_in_smaller_chunks(member: Member, service: Stub, tmp_path: Path) -> None:
    note = "n" * 8000
    path = write(tmp_path / "a.csv", *(ROW.replace(",,url", f",{note} {place},url") for place in range(150)))
    assert member("cpd", "import", str(path)).code == Ends.OK
    assert len([path for path in service.paths("POST") if path == "/v1/cpd-imports"]) == 2


def test_an_import_that_is_interrupted_says_that_nothing_is_lost(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", *(ROW.replace("A course", f"Course {place}") for place in range(300)))

    def interrupt(method: str, asked: str) -> str | None:
        del method
        if asked == "/v1/cpd-imports" and service.paths("POST"):
            signal.raise_signal(signal.SIGINT)
        return None

    service.hang_up = interrupt
    said = member("cpd", "import", str(path), "--report", "report.csv")
    assert said.code == Ends.INTERRUPTED
    assert "Stopped after 200 of 300 rows" in said.words
    assert "Nothing is lost" in said.words
    assert Path("report.csv").read_text(encoding="utf-8-sig").count("not_sent") == 100


def test_an_import_asks_for_the_file_and_offers_one_to_fill_in(member: Member) -> None:
    assert member("cpd", "import").code == Ends.USAGE
    assert member("cpd", "import", "gone.csv").code == Ends.USAGE
    assert member("cpd", "import", "--template").out.startswith("title,provider,started_on")
    assert member("cpd", "import", "--template", "--lang", "it").out.startswith("titolo;ente;dal;al;ore")
