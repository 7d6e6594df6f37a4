"""The restore drill: a backup from before a revocation is refused, a fresh one comes back and agrees."""

from pathlib import Path
from typing import Final

from app.client.visit import Ends
from drill.house import House, Place

AGREE: Final = "The audit chain, the status lists, the documents and the files agree."


def back_up(house: House, name: str) -> Path:
    """Make a backup beside whatever runs."""
    target = house.folder / name
    done = house.place.command("backup", str(target))
    if done.returncode != Ends.OK:
        house.find(f"A backup ended with {done.returncode}: {done.stderr or done.stdout}")
    house.count("backups")
    return target


def restore(house: House, older: Path, fresh: Path) -> None:
    """Bring both back to empty places, beside the same keys: the older is refused, the fresh must agree."""
    refused = _empty(house, "refused").command("restore", str(older))
    house.count("restores of what is too old, refused", refused.returncode == Ends.REFUSED)
    if refused.returncode != Ends.REFUSED or "older than the status lists" not in refused.stderr:
        house.find(f"A backup that is too old ended with {refused.returncode}: {refused.stderr}")
    place = _empty(house, "restored")
    done = place.command("restore", str(fresh))
    agrees = done.returncode == Ends.OK and AGREE in done.stdout
    house.count("restores that agree", agrees)
    house.notes.append(done.stdout.strip().rpartition("\n")[2])
    if not agrees:
        house.find(f"A restore ended with {done.returncode}: {done.stdout}{done.stderr}")


def _empty(house: House, name: str) -> Place:
    """Prepare a place with nothing in it, that has the same keys."""
    place = house.place.elsewhere(files_folder=f"{house.folder}/{name}-files")
    if house.server is None:
        return place.elsewhere(database_url=f"sqlite:///{house.folder}/{name}.db")
    url = house.server.create_database(name)
    return place.elsewhere(database_url=url, database_owner_url=house.server.owner_url(name))
