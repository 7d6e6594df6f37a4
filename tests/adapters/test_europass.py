"""The way into Europass: what the adapter says, what it makes of answers, and what it never shows."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic
from urllib.parse import parse_qs, urlsplit

import pytest

from app.adapters.europass import MAX_ANSWER, REST_SECONDS, EuropassWallet
from app.adapters.keys import TlsFiles
from app.formats.jades import Level
from app.ports import (
    Deposited,
    DepositRefusal,
    DepositRefused,
    Recipient,
    RecipientKind,
    WalletUnavailable,
)
from tests.conftest import START
from tests.europass import URL, EuropassStandIn, answer, client_of, europass
from tests.fakes import SetClock
from tests.outside import tls_files
from tests.pki.authority import Pki
from tests.pki.samples import Sealer

MAIL = Recipient(RecipientKind.EMAIL, "maria+x&y@example.org")
WALLET = Recipient(RecipientKind.WALLET, "https://wallets.example.org/a?b=c&d#e")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return tls_files(tmp_path_factory.mktemp("tls"), "wallet.example.org")


@pytest.fixture
def standin(tls: TlsFiles) -> Iterator[EuropassStandIn]:
    with europass(tls) as served:
        yield served


@pytest.fixture
def wallet(standin: EuropassStandIn, tls: TlsFiles) -> EuropassWallet:
    return client_of(standin, tls, SetClock(START))


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def sealed(request: pytest.FixtureRequest) -> bytes:
    pki = Pki(START)
    return Sealer(pki).sealed(pki.seal(request.param), Level.B_LTA).general().encode()


def tampered(sealed: bytes) -> bytes:
    return sealed.replace(b"tab", b"tub")


@pytest.mark.parametrize(
    ("to", "named", "written_to"),
    [(MAIL, "userEmail", [MAIL.address]), (WALLET, "walletAddress", [])],
    ids=["by e-mail", "by wallet"],
)
def test_a_sealed_document_lies_in_the_wallet_byte_for_byte(
    standin: EuropassStandIn,
    wallet: EuropassWallet,
    sealed: bytes,
    to: Recipient,
    named: str,
    written_to: list[str],
) -> None:
    deposited = wallet.deposit(sealed, to, "it")
    assert standin.deposits() == [(to.address, sealed)]
    assert standin.written_to == written_to
    assert deposited.viewer_url is not None
    assert deposited.viewer_url.startswith("https://viewer.example.org/")
    assert not deposited.there_already
    query = parse_qs(urlsplit(standin.asked[0]).query, strict_parsing=True)
    assert query == {named: [to.address], "locale": ["it"], "sendEmail": [str(bool(written_to)).lower()]}


def test_what_is_there_already_counts_as_delivered(
    standin: EuropassStandIn, wallet: EuropassWallet, sealed: bytes
) -> None:
    wallet.deposit(sealed, MAIL, "en")
    assert wallet.deposit(sealed, MAIL, "en") == Deposited(None, there_already=True)
    assert len(standin.deposits()) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (tampered, DepositRefusal.UNSEALED),
        (lambda _: b"not a document", DepositRefusal.UNSEALED),
    ],
    ids=["tampered", "garbage"],
)
def test_what_the_wallet_cannot_rely_on_is_refused_by_a_word_of_ours(
    wallet: EuropassWallet, sealed: bytes, change: Callable[[bytes], bytes], reason: DepositRefusal
) -> None:
    with pytest.raises(DepositRefused) as refused:
        wallet.deposit(change(sealed), MAIL, "it")
    assert refused.value.reason is reason


REFUSED = {
    "unsealed": (answer(b'{"code": "CREDENTIAL_UNSIGNED"}', status=400), DepositRefusal.UNSEALED),
    "of the shapes": (answer(b'{"code": "SHACL"}', status=400), DepositRefusal.UNREADABLE),
    "without a word": (answer(b"", status=400), DepositRefusal.UNREADABLE),
    "of a gateway": (answer(b"<html>", status=400), DepositRefusal.UNREADABLE),
    "too large": (answer(b"", status=413), DepositRefusal.TOO_LARGE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_final(standin: EuropassStandIn, wallet: EuropassWallet, name: str) -> None:
    content, reason = REFUSED[name]
    standin.failing = lambda: content
    with pytest.raises(DepositRefused) as refused:
        wallet.deposit(b"{}", MAIL, "it")
    assert (refused.value.reason, MAIL.address in repr(refused.value)) == (reason, False)


UNCERTAIN = {
    "an error": answer(b"{}", status=500),
    "busy": answer(b"{}", status=503),
    "hurried": answer(b"{}", status=429),
    "a key is wanted": answer(b"{}", status=401),
    "forbidden": answer(b"{}", status=403),
    "nothing there": answer(b"{}", status=404),
    "nothing said": answer(b"", status=204),
    "a redirect": answer(b"", status=307, Location="https://other.example.org/"),
    "a redirect that begs": answer(b'{"viewerURL": "x"}', status=303, Location="https://127.0.0.1/"),
    "yes, without JSON": answer(b"<html>welcome</html>"),
    "yes, and nothing": answer(b""),
    "yes, in a list": answer(b"[]"),
    "yes, twice": answer(b'{"viewerURL": "a", "viewerURL": "b"}'),
    "yes, far too deep": answer(b"[" * 100_000),
    "huge": answer(b" " * (MAX_ANSWER + 1)),
    "cut off": answer(b"{}" * 100)[:-50],
    "noise": b"\0\xff" * 200,
    "a hang-up": b"",
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_whatever_is_neither_yes_nor_no_may_be_tried_again(
    standin: EuropassStandIn, wallet: EuropassWallet, name: str
) -> None:
    standin.failing = lambda: UNCERTAIN[name]
    with pytest.raises(WalletUnavailable) as unavailable:
        wallet.deposit(b"{}", MAIL, "it")
    assert MAIL.address not in repr(unavailable.value)
    assert unavailable.value.__cause__ is None
    assert len(standin.asked) == 1


def test_a_wallet_that_keeps_silent_is_waited_for_no_longer_than_a_worker_can(
    standin: EuropassStandIn, tls: TlsFiles
) -> None:
    standin.failing = lambda: None
    wallet = client_of(standin, tls, SetClock(START), seconds=0.3)
    with pytest.raises(WalletUnavailable):
        wallet.deposit(b"{}", MAIL, "it")


def test_a_wallet_that_is_down_is_left_alone_for_a_minute(
    standin: EuropassStandIn, tls: TlsFiles, sealed: bytes
) -> None:
    clock = SetClock(START)
    wallet = client_of(standin, tls, clock)
    standin.failing = lambda: b""
    for _ in range(3):
        with pytest.raises(WalletUnavailable):
            wallet.deposit(sealed, MAIL, "it")
    assert len(standin.asked) == 1
    standin.failing = None
    clock.move(timedelta(seconds=REST_SECONDS))
    assert wallet.deposit(sealed, MAIL, "it").viewer_url


def test_it_is_left_alone_by_seconds_that_no_clock_moves() -> None:
    assert EuropassWallet(URL)._seconds is monotonic


def test_nobody_at_the_address_is_a_wallet_that_is_down(standin: EuropassStandIn, tls: TlsFiles) -> None:
    nobody = client_of(standin, tls, SetClock(START), port=1)
    with pytest.raises(WalletUnavailable):
        nobody.deposit(b"{}", MAIL, "it")


VIEWERS = {
    "plain": (b'{"viewerURL": "https://v.example.org/#/view/1"}', "https://v.example.org/#/view/1"),
    "in a list": (b'{"viewerURL": ["https://v.example.org/1"]}', "https://v.example.org/1"),
    "none": (b"{}", None),
    "empty list": (b'{"viewerURL": []}', None),
    "a number": (b'{"viewerURL": 7}', None),
    "script": (b'{"viewerURL": "javascript:alert(1)"}', None),
    "plain http": (b'{"viewerURL": "http://v.example.org/"}', None),
    "with a user": (b'{"viewerURL": "https://bank.example.com@v.example.org/"}', None),
    "steering": (b'{"viewerURL": "https://v.example.org/\\u001b[2J"}', None),
    "with a mark": (b'{"viewerURL": "https://v.example.org/<b>"}', None),
    "broken": (b'{"viewerURL": "https://[v/"}', None),
    "long": (b'{"viewerURL": "https://v.example.org/' + b"x" * 3000 + b'"}', None),
}


@pytest.mark.parametrize("name", VIEWERS)
def test_where_it_can_be_seen_is_kept_only_if_it_may_be_shown(
    standin: EuropassStandIn, wallet: EuropassWallet, name: str
) -> None:
    content, shown = VIEWERS[name]
    standin.failing = lambda: answer(content)
    assert wallet.deposit(b"{}", MAIL, "it") == Deposited(shown, there_already=False)


def test_an_address_too_long_to_be_asked_with_is_refused_before_anybody_is_asked(
    standin: EuropassStandIn, wallet: EuropassWallet
) -> None:
    with pytest.raises(DepositRefused) as refused:
        wallet.deposit(b"{}", Recipient(RecipientKind.EMAIL, "\U00010348" * 240 + "@example.org"), "it")
    assert refused.value.reason is DepositRefusal.ADDRESS_NOT_USABLE
    assert standin.asked == []


@pytest.mark.parametrize("name", ["an error", "a hang-up", "huge", "yes, without JSON"])
def test_no_log_of_any_level_and_no_traceback_holds_an_address(
    standin: EuropassStandIn, wallet: EuropassWallet, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    standin.failing = lambda: UNCERTAIN[name]
    try:
        wallet.deposit(b"{}", MAIL, "it")
    except WalletUnavailable:
        logging.getLogger("sigillo.test").exception("failed")
    for word in ("maria", "userEmail", "%40"):
        assert word not in caplog.text
    assert "maria" not in repr(MAIL)


@pytest.mark.parametrize(
    "url",
    [
        "http://wallet.example.org/x",
        "https://127.0.0.1/x",
        "https://wallet.example.org:8443/x",
        "https://a b/",
    ],
)
def test_an_address_of_no_public_host_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="europass_wallet_url"):
        EuropassWallet(url)


def test_it_goes_to_public_addresses_alone(standin: EuropassStandIn, tls: TlsFiles) -> None:
    wallet = client_of(standin, tls, SetClock(START))
    wallet._outbound._openings = frozenset()
    with pytest.raises(WalletUnavailable):
        wallet.deposit(b"{}", MAIL, "it")
    assert standin.asked == []


def test_the_address_that_was_configured_is_the_one_that_is_asked(
    standin: EuropassStandIn, wallet: EuropassWallet, sealed: bytes
) -> None:
    wallet.deposit(sealed, WALLET, "en")
    assert standin.asked[0].startswith(urlsplit(URL).path + "?")
