"""A signer that can be told to fail, as cards and remote seals do."""

from app.ports import Slot
from tests.fakes_keys import MemoryKeys


class FailingKeys(MemoryKeys):
    """Refuses to sign while it is `down`, or `without` one key; signs something else while it `lies`."""

    down = False
    lies = False
    without: Slot | None = None

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        if self.down or (self.without and thumbprint == self.current(self.without).thumbprint):
            raise OSError("the card was pulled out")
        return super().sign(thumbprint, message + b"!" if self.lies else message)
