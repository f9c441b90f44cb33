"""A row and the reasons for which it is rejected."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from pipeline.errors import ConfigError
from pipeline.generation.accept import measures
from pipeline.generation.accept.config import ANY, AUDIO_ONLY, AcceptConfig, Bounds
from pipeline.generation.accept.content import content_of, fingerprint_of
from pipeline.generation.accept.fingerprint import Seen
from pipeline.generation.accept.function import load_function, reason_of
from pipeline.generation.columns import BITS
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions, Conventions

Row = Mapping[str, Any]


def refuse_misfits(config: AcceptConfig, conventions: Conventions) -> None:
    """A ConfigError for a bound on what pictures do not have."""
    given = [name for name in AUDIO_ONLY if getattr(config, name) != ANY]
    if given and not isinstance(conventions, AudioConventions):
        raise ConfigError(f"accept.{given[0]} is measured of waveforms, and this model makes pictures; leave it out.")


class Judge:
    """Says of a row why it is rejected. `training`: what it may not be nearly the same as, None for nothing."""

    def __init__(self, config: AcceptConfig, conventions: Conventions, training: Seen | None = None) -> None:
        refuse_misfits(config, conventions)
        self.config, self.conventions, self.training = config, conventions, training

    @cached_property
    def function(self) -> Any:
        """The user's own."""
        return load_function(self.config.function)

    def reason(self, row: Row) -> str:
        """Why this row is rejected, the first reason; empty where it is accepted."""
        return next((reason for reason in self._reasons(row) if reason), "")

    def _reasons(self, row: Row) -> Iterator[str]:
        yield outside("bits", row[BITS[self.conventions.kind]], self.config.bits)
        if isinstance(self.conventions, AudioConventions):
            yield from self._reasons_of_sound(row, self.conventions)
        if self.training is not None and (known := self.training.near(fingerprint_of(row, self.conventions))):
            yield f"nearly the same as {known} of the training set"
        if self.config.function:
            yield reason_of(self.function, dict(row), content_of(row, self.conventions))

    def _reasons_of_sound(self, row: Row, conventions: AudioConventions) -> Iterator[str]:
        config, rate = self.config, conventions.sample_rate_hz
        if config.clipped_share != ANY:
            levels = unpack_levels(row["levels"], conventions.num_levels)
            yield outside("clipped_share", measures.clipped_share(levels, conventions.num_levels), config.clipped_share)
        if (config.silence_share, config.sounding_s) != (ANY, ANY):
            is_silent = measures.silent_frames(content_of(row, conventions), rate, config.silence_db)
            yield outside("silence_share", float(is_silent.mean()), config.silence_share)
            yield outside("sounding_s", measures.sounding_s(is_silent), config.sounding_s)
        if config.f0_hz != ANY:
            yield outside("f0_hz", measures.median_f0_hz(content_of(row, conventions), rate), config.f0_hz)


def outside(name: str, value: float, bounds: Bounds) -> str:
    """Why a value is not within its bounds; empty where it is."""
    least, most = bounds
    if least <= value <= most:
        return ""
    return f"{name} is {value:.6g}, outside {least:g} to {most:g}"
