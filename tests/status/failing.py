"""A signer that can be told to fail, as cards and remote seals do."""

from tests.fakes_keys import MemoryKeys


class FailingKeys(MemoryKeys):
    """Refuses to sign while it is `down`; signs something else while it `lies`."""

    down = False
    lies = False

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        if self.down:
            raise OSError("the card was pulled out")
        return super().sign(thumbprint, message + b"!" if self.lies else message)
