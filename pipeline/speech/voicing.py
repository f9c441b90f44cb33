"""In which phones the vocal folds swing: what is told of a frame's voicing by its phone alone."""

from pipeline.speech.spans import SILENCE

VOICELESS = frozenset("ptkqcfsxhθʃçχħʔɸɬʂʈɕʍ")
"""First letters of voiceless consonants in IPA; of affricates too (tʃ), and in ARPAbet (TH, CH, HH; but DH)."""


def is_voiced(phone: str) -> bool:
    """Whether the vocal folds swing in a phone, by its first letter."""
    return phone != SILENCE and phone[0].lower() not in VOICELESS
