"""How generated items depart from their model (temperature, top_k, top_p, guidance), as the requests in rows tell it.

Without this, pictures of strong guidance would pass for what the model gives by itself.
"""

import json
import math
from collections.abc import Sequence

from pipeline.reports.rows import Place

BY_THE_MODEL = {"temperature": 1.0, "top_k": math.inf, "top_p": 1.0, "guidance": 1.0}
"""What stands for following the model, where a request says nothing else."""


def departures(places: Sequence[Place]) -> str:
    """Such as "temperature 0.9, guidance 1 to 2.5"; empty where all follow the model."""
    asked = [json.loads(place.row.get("request") or "{}") for place in places]
    values = {name: [float(one.get(name, default)) for one in asked] for name, default in BY_THE_MODEL.items()}
    return ", ".join(
        f"{name} {span(found)}" for name, found in values.items() if any(value != BY_THE_MODEL[name] for value in found)
    )


def span(values: Sequence[float]) -> str:
    """The lowest and the highest."""
    lowest, highest = (f"{value:g}".replace("inf", "all") for value in (min(values), max(values)))
    return lowest if lowest == highest else f"{lowest} to {highest}"
