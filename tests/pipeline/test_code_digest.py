import hashlib
from pathlib import Path

import pytest

import models
from pipeline.code_digest import code_digest


def test_it_changes_with_any_source_and_with_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages as they lie on a disk, in place of ours."""
    for package in ("models", "pipeline"):
        (tmp_path / package / "deep").mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "deep/kernel.h").write_text("int one;")
    monkeypatch.setattr(models, "__file__", str(tmp_path / "models/__init__.py"))
    monkeypatch.setattr("pipeline.code_digest.__file__", str(tmp_path / "pipeline/code_digest.py"))
    read_now = code_digest.__wrapped__
    before = read_now()
    (tmp_path / "models/deep/built.so").write_text("anything")
    assert read_now() == before
    (tmp_path / "models/deep/kernel.h").write_text("int two;")
    assert read_now() != before
    (tmp_path / "models/deep/kernel.h").write_text("int one;")
    (tmp_path / "pipeline/deep/kernel.h").rename(tmp_path / "pipeline/deep/kernel2.h")
    assert read_now() != before
    assert len(before) == len(hashlib.sha256().hexdigest())
