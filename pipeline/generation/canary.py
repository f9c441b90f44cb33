"""The canary: what was drawn by a fast path is scored again by the model's definition, teacher-forced.

Every path adds up the likelihood of what it draws. If a kernel, a processor or a memory is broken, that sum is not the
one which the model gives for the same levels, and nothing that this process drew can be trusted.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.errors import DisagreementError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures_scales import id_at
from pipeline.generation.pictures_snapshots import Pictures
from pipeline.generation.plan import PlannedItem
from pipeline.generation.scoring import Row, Scored, scored_item, scored_picture
from pipeline.model_folder import ExportedModel
from pipeline.shards.plan import evenly

TOLERANCE_NATS = {"float32": 1e-3, "bfloat16": 5e-2}
"""A level, in the mean over an item: what rounding leaves of it is far below, since it goes either way, and other
weights than the model's are far above (`tests/pipeline/generation/test_canary.py`)."""

MOST_UNPROVEN = 16
"""Shards without a comparison, where chance chooses none: a run keeps their plans in mind, to have them made again."""


class Canary:
    """Compares the first item that this process draws, and then one in `config.canary_one_in`, chosen by their ids."""

    def __init__(self, exported: ExportedModel, config: GenerateConfig) -> None:
        self.exported, self.config = exported, config
        self.num_unproven = MOST_UNPROVEN

    def compare(self, items: Sequence[PlannedItem], rows: Sequence[Row], *, of_others: bool = False) -> int:
        """How many of these were compared; DisagreementError for one that the model scores otherwise.

        `of_others`: another process drew a part of these. Then the shortest and the longest are compared, whatever
        chance says, and nothing is proven of this process: 0.
        """
        chosen = self._chosen({row["item_id"]: len(row["levels"]) for row in rows}, of_others)
        pairs = ((item, row) for item, row in zip(items, rows, strict=True) if row["item_id"] in chosen)
        return self._agree((scored_item(*pair, self.exported) for pair in pairs), of_others)

    def compare_pictures(
        self, number: int, items: Sequence[PlannedItem], pictures: Pictures, *, of_others: bool = False
    ) -> int:
        """The same for the pictures of one scale of a multi-scale model, which others draw around."""
        by_id = {id_at(item, number): item for item in items}
        chosen = self._chosen(dict.fromkeys(by_id, 1), of_others)
        scored = (scored_picture(number, by_id[name], pictures[name], self.exported) for name in chosen)
        return self._agree(scored, of_others)

    def _chosen(self, sizes: Mapping[str, int], of_others: bool) -> set[str]:
        """Of ids that were drawn together, with how much each is, those to compare; where it must be one, the least."""
        chosen = {name for name in sizes if evenly(name) * self.config.canary_one_in < 1}
        by_size = sorted(sizes, key=sizes.__getitem__)
        if of_others:
            return chosen.union(by_size[:1], by_size[-1:])
        if self.num_unproven >= MOST_UNPROVEN:
            return chosen or set(by_size[:1])
        return chosen

    def _agree(self, scored: Iterable[Scored], of_others: bool) -> int:
        """How many these were. One that is found wrong is followed by a comparison of what is drawn next."""
        num_unproven, self.num_unproven = self.num_unproven, MOST_UNPROVEN
        num_compared = 0
        for one in scored:
            require_agreement(one, TOLERANCE_NATS[self.config.precision])
            num_compared += not of_others
        self.num_unproven = 0 if num_compared else num_unproven + (not of_others)
        return num_compared


def require_agreement(scored: Scored, tolerance_nats: float) -> None:
    """A DisagreementError where path and model differ by more than rounding does."""
    if abs(scored.said_nats - scored.expected_nats) <= tolerance_nats * scored.num_levels:
        return
    raise DisagreementError(
        f"{scored.what}, drawn by {scored.path}, is said to have {scored.said_nats:.4f} nats, and the model's "
        f"definition gives {scored.expected_nats:.4f}: this machine or its kernel computes something else. What it "
        "drew is not used. Try --set sampler=torch, and see `ancestral doctor`."
    )
