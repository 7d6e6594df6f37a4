"""A process that signs on a token in threads while its sessions die, and tells how many signatures hold.

    python -m tests.journeys.signing SLOT [SLOT …]

The settings say where keys and token are, as they do for the service.
"""

import sys
import threading
from itertools import cycle, islice

import pkcs11

from app.core.clock import SystemClock
from app.formats.jose import verify
from app.main import keys_of, tokens_in
from app.ports import Slot
from app.settings import Settings

THREADS = 4
EACH = 25
DEATHS = 10  # of every so many signatures, one finds its session dead


def sound(slots: list[Slot]) -> int:
    """Sign with every slot in turn in each thread, and count what the published keys verify."""
    settings = Settings()
    signer, tokens = keys_of(settings, at=SystemClock().now()), tokens_in(settings)
    assert tokens is not None
    library = pkcs11.lib(str(settings.token_library))
    start, held = threading.Barrier(THREADS), [0] * THREADS

    def sign(place: int) -> None:
        start.wait()
        for number, slot in enumerate(islice(cycle(slots), EACH)):
            if number % DEATHS == place:
                with (
                    tokens._using
                ):  # a library that is closed under a call of it would take the process along
                    library.finalize()
            message = f"{slot} {place} {number}".encode()
            key = signer.current(slot)
            held[place] += verify(message, signer.sign(key.thumbprint, message), key.jwk)

    threads = [threading.Thread(target=sign, args=(place,)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(held)


if __name__ == "__main__":
    sys.stdout.write(f"{sound([Slot(each) for each in sys.argv[1:]])}\n")
