"""What the makers of plans have made since they were last found right: to be made again where one turns out to lie.

A maker is an actor, by its number, or one that helps actors (`Helpers`), such as one that draws a lower scale. What
several made together proves all of them right where it was compared with the model, and is in doubt with each of them.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pipeline.errors import DisagreementError

Plan = TypeVar("Plan")
Makers = Sequence[Hashable]
"""The actor's number, then its helpers."""


class Helpers(Protocol):
    """Others who took part in making what actors make."""

    def of(self, reference: Any) -> Makers:
        """Who helps with what was started as this reference; asked once, when it was started."""
        ...

    def give_up(self) -> None:
        """End them all: what is started from now on is made without help."""
        ...


class NoHelpers:
    """Every actor works alone."""

    def of(self, reference: Any) -> Makers:  # noqa: D102
        return ()

    def give_up(self) -> None: ...  # noqa: D102


class Quarantine(Generic[Plan]):
    """Keeps in mind who made what, as far as no comparison has proven it.

    `was_compared(result)`: whether making it held a comparison. `withdraw(plan)`: what was made of it is to stand no
    longer. `tell(makers, error, num_plans)`: these disagree with the model, and so many plans are made again.
    """

    def __init__(
        self,
        was_compared: Callable[[Any], bool],
        withdraw: Callable[[Plan], None],
        tell: Callable[[Makers, DisagreementError, int], None],
    ) -> None:
        self._was_compared, self.withdraw, self._tell = was_compared, withdraw, tell
        self._since: dict[Hashable, list[Plan]] = {}

    def passed(self, makers: Makers, plan: Plan, result: Any, others: Makers = ()) -> None:
        """These have made a plan, and where it was compared, rightly; where not, it may be what `others` made of it."""
        if self._was_compared(result):
            self._since |= {maker: [] for maker in makers}
            return
        for maker in [*makers, *others]:
            self._since.setdefault(maker, []).append(plan)

    def distrust(self, makers: Makers, error: DisagreementError) -> list[Plan]:
        """What each of these has made since it was last found right, withdrawn."""
        doubted = {id(plan): plan for maker in makers for plan in self._since.pop(maker, [])}
        for maker, plans in self._since.items():
            self._since[maker] = [plan for plan in plans if id(plan) not in doubted]
        for plan in doubted.values():
            self.withdraw(plan)
        self._tell(makers, error, len(doubted))
        return list(doubted.values())
