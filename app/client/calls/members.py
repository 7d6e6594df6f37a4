"""Members: who they are, their memberships and roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Unpack

from app.client.api import Api
from app.client.calls.part import Part, edition, to

if TYPE_CHECKING:
    from app.client.shapes import MemberOut, MembershipChange, MembershipOut, NewMember, Role, RoleOut


class Members(Part):
    """The people whom an organisation knows."""

    def __init__(self, api: Api, organisation: Callable[[], str]) -> None:
        super().__init__(api)
        self._organisation = organisation

    def _of(self, *more: str) -> tuple[str, ...]:
        return ("v1", "organisations", self._organisation(), *more)

    def all(self) -> Iterator[MemberOut]:
        return self._all(*self._of("members"))

    def add(self, *, key: str | None = None, **member: Unpack[NewMember]) -> MemberOut:
        return self._post(*self._of("members"), body=member, key=key)

    def grant_role(
        self,
        person: str,
        role: Role,
        *,
        begins: str | None = None,
        ends: str | None = None,
        key: str | None = None,
    ) -> RoleOut:
        """Give a person a role: from today, and for good, unless days are given."""
        body = {name: day for name, day in (("from", begins), ("to", ends)) if day is not None}
        path = self._of("members", person, "roles")
        return self._post(*path, body={"role": role, **body}, key=key)

    def end_role(self, person: str, role: Role, *, after: str | None = None) -> None:
        """Take a role away: at once, or after a day."""
        body = {"to": after} if after else {}
        self._api.move(to(*self._of("members", person, "roles", role, "end")), body)

    def membership(self, membership: str) -> MembershipOut:
        return self._get(*self._of("memberships", membership))

    def change_membership(self, read: MembershipOut, **change: Unpack[MembershipChange]) -> MembershipOut:
        """Change a membership as it was read; whoever changed it in between is not written over."""
        return self._patch(*self._of("memberships", read["id"]), body=change, edition=edition(read))
