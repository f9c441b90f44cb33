"""The Dockerfile, read: pinned, without root, without secrets, from files that exist, by the constraints."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "infra" / "docker" / "Dockerfile"
SECRET = re.compile(r"(?i)(password|secret|token|access_key|api_key)\s*=")


def instructions(text: str) -> list[tuple[str, str]]:
    """Keyword and argument of every instruction, comments and line continuations resolved."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines()]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    return instructions(DOCKERFILE.read_text())


def arguments(steps: list[tuple[str, str]], keyword: str) -> list[str]:
    return [argument for word, argument in steps if word == keyword]


def test_every_instruction_is_one_that_docker_knows(steps: list[tuple[str, str]]) -> None:
    assert {word for word, _ in steps} <= {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}


def test_the_base_is_pinned_and_new_enough(steps: list[tuple[str, str]]) -> None:
    (base,) = arguments(steps, "FROM")
    found = re.fullmatch(r"python:3\.(\d+)\.\d+-slim-\w+", base)
    assert found, f"the base {base} is not pinned to a patch version and a distribution"
    requires = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert requires
    assert int(found[1]) >= int(requires[1])


def test_everything_that_is_copied_exists(steps: list[tuple[str, str]]) -> None:
    copied = [source for argument in arguments(steps, "COPY") for source in shlex.split(argument)[:-1]]
    assert {"pyproject.toml", "constraints.txt", "jobs", "pipeline", "models"} <= set(copied)
    missing = [source for source in copied if not (ROOT / source).exists()]
    assert not missing


def test_everything_is_installed_by_the_constraints(steps: list[tuple[str, str]]) -> None:
    runs = " && ".join(arguments(steps, "RUN")).split("&&")
    installs = [run for run in runs if "pip install" in run]
    assert installs
    assert all("-c constraints.txt" in run for run in installs)


def test_it_ends_as_a_plain_user_at_the_command(steps: list[tuple[str, str]]) -> None:
    users = arguments(steps, "USER")
    assert users, "without USER the image runs as root"
    assert users[-1] not in ("root", "0")
    assert steps.index(("USER", users[-1])) > max(i for i, (word, _) in enumerate(steps) if word == "RUN")
    assert arguments(steps, "ENTRYPOINT") == ['["ancestral"]']


def test_no_secret_stands_in_it(steps: list[tuple[str, str]]) -> None:
    assert not [argument for _, argument in steps if SECRET.search(argument)]


def test_the_image_is_named_after_our_version() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    for page in (DOCKERFILE, DOCKERFILE.with_name("README.md")):
        assert set(re.findall(r"ancestral:(\d[\w.]*)", page.read_text())) == {version[1]}
