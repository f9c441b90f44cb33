"""The package builds without a compiler: its kernels are left out, nothing else is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_without_a_compiler_the_build_goes_on(tmp_path: Path) -> None:
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "models" / "native", tmp_path / "models" / "native", ignore=shutil.ignore_patterns("*.so"))
    nowhere = {"CC": "/nowhere/cc", "CXX": "/nowhere/c++", "LDSHARED": "/nowhere/ld"}
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=tmp_path,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "building extension" in done.stderr
    assert not list((tmp_path / "models" / "native").glob("*.so"))
