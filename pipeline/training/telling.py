"""What is told of a training while it goes on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TellingConfig:
    """No part of a run's identity, and nothing that its outcome depends on."""
