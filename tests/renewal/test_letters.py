"""The words of the letters that remind of a renewal."""

from dataclasses import replace
from datetime import date

import pytest

from app.core.labels import Labels
from app.renewal import letters
from app.renewal.cycles import days_of
from app.renewal.letters import Entry, Hours, Letter, Occasion
from app.schemes.catalogue import catalogue

SCHEME = catalogue().schemes[-1]
HOURS = Hours(
    counted=Labels("45 ore", "45 hours"),
    required=Labels("60 ore", "60 hours"),
    gaps=(
        Labels(
            "Mancano 15 ore in totale: da fare entro il 20 novembre 2029.", "15 hours are missing in total."
        ),
        Labels("Mancano 2 ore di etica.", "2 hours of ethics are missing."),
    ),
)
ENTRY = Entry(
    number="DLE-26-7K3Q-F9XM-2T5H-65",
    title=SCHEME.title,
    address="https://sigillo.example.org/v/DLE-26-7K3Q-F9XM-2T5H-65",
    days=days_of(date(2026, 11, 20), 1, years=3, rules=SCHEME.renewal),
    suspended=False,
    hours=HOURS,
)
OCCASION = Occasion(
    reader="Anna Bianchi",
    organisation="Associazione di prova",
    today=date(2029, 8, 22),
    test=False,
    clock_offset=None,
)


def test_a_letter_tells_what_is_carried_apart_from_what_counts() -> None:
    hours = replace(HOURS, carried=Labels("2 ore", "2 hours"))
    italian, english = halves(letters.compose([replace(ENTRY, hours=hours)], OCCASION))
    assert "conta finora: 45 ore, più 2 ore dal ciclo precedente, su 60 ore." in italian
    assert "45 hours, plus 2 hours carried over from the previous cycle, of 60 hours." in english


LATER = replace(ENTRY, number="DLE-27-…", days=days_of(date(2027, 1, 8), 1, years=3, rules=SCHEME.renewal))


def halves(letter: Letter) -> tuple[str, str]:
    """The Italian and the English half, with line breaks taken for spaces."""
    italian, english = letter.text.split(letters.RULE)
    return " ".join(italian.split()), " ".join(english.split())


def test_a_letter_says_until_when_what_is_missing_and_how_it_is_done() -> None:
    letter = letters.compose([ENTRY], OCCASION)
    assert letter.subject == (
        "Attestato DLE-26-7K3Q-F9XM-2T5H-65: da rinnovare entro il 20 novembre 2029 / "
        "attestation DLE-26-7K3Q-F9XM-2T5H-65: renew by 20 November 2029"
    )
    italian, english = halves(letter)
    assert "Gentile Anna Bianchi, è tempo di pensare al rinnovo." in italian
    assert "Vale fino al 20 novembre 2029. Il rinnovo va chiesto entro quel giorno." in italian
    assert "In ritardo si può ancora fino al 18 febbraio 2030" in italian
    assert "45 ore, su 60 ore. Per il rinnovo: - Mancano 15 ore in totale" in italian
    assert "- Mancano 2 ore di etica." in italian
    assert "Associazione di prova" in italian
    assert "Dear Anna Bianchi, it is time to think of your renewal." in english
    assert "It is valid until 20 November 2029. Its renewal is to be asked for by that day." in english
    assert "45 hours, of 60 hours. For the renewal: - 15 hours are missing in total." in english
    for half in (italian, english):
        assert "sigillo renew" in half
        assert ENTRY.address in half
        assert "TEST" not in half


def test_whoever_misses_nothing_is_told_so() -> None:
    done = replace(ENTRY, hours=replace(HOURS, gaps=()))
    italian, english = halves(letters.compose([done], OCCASION))
    assert "Non manca nulla: il rinnovo si può chiedere già ora." in italian
    assert "Nothing is missing: the renewal can be asked for now." in english


def test_before_the_window_opens_a_letter_says_from_when() -> None:
    early = replace(OCCASION, today=date(2029, 5, 1))
    italian, english = halves(letters.compose([replace(ENTRY, hours=replace(HOURS, gaps=()))], early))
    assert "Il rinnovo si chiede dal 20 maggio 2029 al 20 novembre 2029." in italian
    assert "Its renewal can be asked for from 20 May 2029 to 20 November 2029." in english
    assert "già ora" not in italian


def test_in_grace_a_letter_says_expired_and_until_when_it_can_be_renewed() -> None:
    letter = letters.compose([ENTRY], replace(OCCASION, today=date(2029, 11, 21)))
    assert "scaduto, si rinnova fino al 18 febbraio 2030" in letter.subject
    italian, english = halves(letter)
    assert "È scaduto il 20 novembre 2029. Si può ancora rinnovare fino al 18 febbraio 2030" in italian
    assert "It expired on 20 November 2029. It can still be renewed until 18 February 2030" in english
    assert "Vale fino" not in italian


def test_whoever_is_suspended_reads_that_the_renewal_waits() -> None:
    italian, english = halves(letters.compose([replace(ENTRY, suspended=True)], OCCASION))
    assert "È sospeso: il rinnovo si può chiedere" in italian
    assert "It is suspended: its renewal can be asked for" in english


def test_one_letter_speaks_of_all_and_first_of_what_ends_first() -> None:
    letter = letters.compose([LATER, ENTRY], OCCASION)
    assert letter == letters.compose([ENTRY, LATER], OCCASION)
    assert letter.subject == (
        "2 attestati da rinnovare, il primo entro il 20 novembre 2029 / "
        "2 attestations to renew, the first by 20 November 2029"
    )
    for half in halves(letter):
        assert half.index(ENTRY.number) < half.index(LATER.number)


def test_what_is_not_meant_says_test_and_a_moved_clock_is_told() -> None:
    letter = letters.compose([ENTRY], replace(OCCASION, test=True, clock_offset="P30D"))
    assert letter.subject.startswith("TEST \N{EN DASH} ")
    italian, english = halves(letter)
    assert "TEST \N{EN DASH} senza valore Orologio spostato di P30D. Gentile" in italian
    assert english.startswith("TEST \N{EN DASH} no value Clock moved by P30D. Dear")


@pytest.mark.parametrize(
    "name", ["Anna\r\n\r\n-- \r\nBcc: x", "{reader} %s", "a" * 200, "<b>Anna</b>", "李明"]
)
def test_a_name_stays_one_line_of_text_and_means_nothing_else(name: str) -> None:
    letter = letters.compose([ENTRY], replace(OCCASION, reader=name))
    assert f"Gentile {' '.join(name.split())}," in halves(letter)[0]
    assert name not in letter.subject
    assert letter.subject.isprintable()


def test_lines_are_short_enough_for_every_reader_of_mail() -> None:
    letter = letters.compose([ENTRY, LATER], replace(OCCASION, test=True))
    long = [line for line in letter.text.splitlines() if len(line) > letters.WIDTH]
    assert long == []


def test_no_sentence_borrows_the_words_of_other_bodies() -> None:
    for sentence in letters.SENTENCES:
        assert not SCHEME.wording.forbidden_in(sentence.it)
        assert not SCHEME.wording.forbidden_in(sentence.en)
