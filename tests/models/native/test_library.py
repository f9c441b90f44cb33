"""Kernels that are found, refused and told of; the levels of this processor are those of /proc/cpuinfo."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from models.native import LEVELS, Library, best, library, opened, why_none


@pytest.fixture(autouse=True)
def _open_anew() -> None:
    opened.cache_clear()


def flags() -> set[str]:
    """What this processor says that it can do."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())  # none on arm64


@pytest.mark.skipif(not isinstance(opened("portable"), Library), reason="built without a compiler")
def test_the_best_level_is_the_first_that_this_processor_has() -> None:
    needs = {"avx512bf16": {"avx512_bf16", "avx512vl"}, "avx512": {"avx512vl"}, "avx2": {"avx2", "fma"}}
    expected = next(level for level in LEVELS if needs.get(level, set()) <= flags())
    found = best()
    assert found is not None
    assert found.level == expected
    for level in LEVELS:
        assert isinstance(opened(level), Library) == (needs.get(level, set()) <= flags()), opened(level)


def test_without_a_compiler_there_is_none_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "candidates", lambda level: iter(()))
    assert best() is None
    assert "avx2: not built" in why_none()
    assert "torch draws instead" in why_none()


@pytest.mark.skipif(not isinstance(opened("portable"), Library), reason="built without a compiler")
def test_a_kernel_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "digest_of_sources", lambda: "another")
    assert "built from other sources" in str(opened("portable"))
    assert best() is None


def test_it_is_looked_for_beside_the_sources_and_in_the_installed_package() -> None:
    places = list(library.candidates("portable"))
    assert places[0] == library.HERE / f"portable{EXTENSION_SUFFIXES[0]}"
    assert all(place.name.startswith("portable") for place in places)
    assert len(places) == 2 * len(EXTENSION_SUFFIXES)
