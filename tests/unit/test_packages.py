"""What an installation brings: what it needs, and no tools of tests."""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.test_house import imports

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_AIOSMTPD = """
import sys
sys.modules["aiosmtpd"] = None
from admin.cli import main
sys.argv = ["gateway", *sys.argv[1:]]
main()
"""


def needed(name: str, extra: str = "") -> set[str]:
    """Canonical names of all that `pip install name[extra]` brings on this machine."""
    found: set[str] = set()
    waiting = [(name, extra)]
    while waiting:
        package, chosen = waiting.pop()
        for requirement in map(Requirement, requires(package) or []):
            if requirement.marker and not requirement.marker.evaluate({"extra": chosen}):
                continue
            one = canonicalize_name(requirement.name)
            if one not in found or requirement.extras:
                found.add(one)
                waiting += [(one, ""), *((one, more) for more in requirement.extras - {chosen})]
    return found


def test_a_service_installs_neither_tools_of_tests_nor_stand_ins() -> None:
    dev = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, requires("message-gateway") or [])
        if requirement.marker and not requirement.marker.evaluate({"extra": ""})
    }
    assert {"pytest", "hypothesis", "mypy", "aiosmtpd"} <= dev
    assert needed("message-gateway") & (dev - {"message-gateway"}) == set()


def test_all_code_is_in_folders_that_an_installation_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = project["tool"]["setuptools"]["packages"]["find"]["include"]
    files = [file for room in rooms for file in (ROOT / room.rstrip("*")).rglob("*.py")]
    assert ROOT / "store/migrations/env.py" in files
    assert [file for file in files if not (file.parent / "__init__.py").exists()] == []


def test_the_client_alone_brings_httpx_and_nothing_else_of_ours() -> None:
    project = tomllib.loads((ROOT / "gateway_client/pyproject.toml").read_text())["project"]
    assert [Requirement(one).name for one in project["dependencies"]] == ["httpx"]
    imported = {
        module.split(".")[0]
        for file in (ROOT / "gateway_client").glob("*.py")
        for module in imports(file)
    }
    assert imported - sys.stdlib_module_names == {"gateway_client", "httpx"}


@pytest.mark.long  # it asks for the package that builds it
def test_the_client_is_installed_alone_and_is_whole(tmp_path: Path) -> None:
    source, place = tmp_path / "gateway_client", tmp_path / "installed"
    shutil.copytree(ROOT / "gateway_client", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", str(place), str(source)], check=True, timeout=110)
    files = {one.name for one in (ROOT / "gateway_client").iterdir() if one.is_file()}
    assert {one.name for one in (place / "gateway_client").iterdir() if one.is_file()} == files - {
        "pyproject.toml"
    }
    subprocess.run(
        [sys.executable, "-c", "import gateway_client; print(gateway_client.__file__)"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(place)},
        check=True,
        timeout=60,
    )


def test_the_sandbox_is_one_package_more() -> None:
    assert "aiosmtpd" in needed("message-gateway", "sandbox") - needed("message-gateway")


@pytest.mark.parametrize("command", [["sandbox"], ["demo", "--exit"]], ids=" ".join)
def test_stand_ins_that_are_not_installed_are_a_sentence(command: list[str]) -> None:
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_AIOSMTPD, *command],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 1
    assert told.stderr.startswith("gateway: the stand-in providers need a package that is not")
    assert "pip install 'message-gateway[sandbox]'" in told.stderr
    assert told.stdout == ""
