"""What is known of phones over timesteps without listening: they are spread evenly, and a pause is one of them."""

SILENCE = "sil"
"""The phone of a pause, and of whatever no other phone covers."""

SILENCE_LABELS = frozenset({"", SILENCE, "sp", "<eps>", "<sil>", "<p:>", "pau", "h#", "epi", "#"})
"""How aligners and corpora write that nobody speaks, in lower case. Not `spn`, spoken noise: the Montreal
Forced Aligner writes it for each word that its dictionary lacks, so that it is as loud as what stands around it."""


def uniform_ends(num_phones: int, num_timesteps: int) -> list[int]:
    """Where each of so many phones ends when they share the timesteps evenly: number i at floor((i + 1) · T / n).

    The one rule for recordings and for requests: a model is asked for phones as it has seen them. More phones than
    timesteps leave some without any.
    """
    return [(place + 1) * num_timesteps // num_phones for place in range(num_phones)]
