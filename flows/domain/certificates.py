"""Which certificates are served and trusted, by numbers; whoever needs one by its number makes it.

There are two sides: clients, and brokers with the product. Each has authorities of its own.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Certificates(BaseModel):
    """What one side is shown and may trust; the numbers only rise, and none is given twice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authority: int = 1
    """Whose signature the served certificates carry."""
    leaf: int = 1
    """The certificates of all brokers; another number with each replacement."""
    trusted: tuple[int, ...] = (1,)
    """Authorities that may be trusted, oldest first; two while one succeeds the other."""
    overlap_until: datetime | None = None
    """When clients have to trust the new authority at the latest; None without an overlap."""
    uploaded: tuple[int, ...] = ()
    """Authorities that are users' own: their keys are not here."""
    last_authority: int = 0
    last_leaf: int = 0
    """The highest numbers that were given to what was taken back; they are not given again."""
    taken_back: Certificates | None = None
    """What was begun last and taken back: brokers may still serve it until that is finished."""

    @property
    def overlaps(self) -> bool:
        """Whether two authorities may be trusted."""
        return len(self.trusted) > 1

    @property
    def crossed(self) -> int | None:
        """The old authority that signs the present one too, so that both kinds of clients verify.

        None without an overlap, and where the old one is a user's: its key is not here.
        """
        old = self.trusted[0]
        return old if old != self.authority and old not in self.uploaded else None

    def next_leaf(self) -> Certificates:
        """New certificates of the same authority."""
        return self.model_copy(update={"leaf": self._next_leaf, "taken_back": None})

    def succeeded(self, *, uploaded: bool = False) -> Certificates:
        """New certificates of the next authority, while the old one may be trusted still."""
        new = max(self.authority, self.last_authority) + 1
        return Certificates(
            authority=new,
            leaf=self._next_leaf,
            trusted=(self.authority, new),
            uploaded=(*self.uploaded, new) if uploaded else self.uploaded,
        )

    def after(self, begun: Certificates) -> Certificates:
        """These again, in the place of others that were begun; what those were stays known."""
        return self.model_copy(
            update={
                "last_authority": max(self.last_authority, begun.authority),
                "last_leaf": max(self.last_leaf, begun.leaf),
                "taken_back": begun.model_copy(update={"taken_back": None}),
            }
        )

    def trusting_next(self) -> Certificates:
        """The next authority is trusted beside the present one, and signs nothing yet."""
        return self.model_copy(update={"trusted": (self.authority, self.authority + 1)})

    def signed_by_next(self) -> Certificates:
        """New certificates of the next authority; both are trusted."""
        new = self.trusted[-1]
        return self.model_copy(update={"authority": new, "leaf": self.leaf + 1})

    def settled(self) -> Certificates:
        """Only the present authority is trusted; what it has signed stays."""
        change = {"trusted": (self.authority,), "overlap_until": None, "taken_back": None}
        return self.model_copy(update=change)

    @property
    def _next_leaf(self) -> int:
        return max(self.leaf, self.last_leaf) + 1
