"""The wrapper ./gateway installs the packages with uv where it can, else with pip, and says so."""

from pathlib import Path

import pytest

from tests.support.processes.fake_checkout import Checkout, assert_fails_in_one_sentence

PIP = "-m pip install --disable-pip-version-check --no-input"
FETCHING_UV = f"{PIP} --retries 1 --only-binary :all: uv -c constraints.txt"
ALL_WITH_PIP = f"{PIP} -e .[dev] -c constraints.txt"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.create(tmp_path)


def test_uv_installs_the_same_pins_into_the_new_environment(checkout: Checkout) -> None:
    checkout.run()
    python = checkout.root / ".venv" / "bin" / "python"
    assert checkout.lines("pip") == [FETCHING_UV]
    assert checkout.lines("uv") == [
        f"-m uv pip install --python {python} --compile-bytecode -e .[dev] -c constraints.txt"
    ]


@pytest.mark.parametrize("fault", ["FAKE_NO_UV", "FAKE_UV_ERROR"])
def test_pip_installs_where_uv_cannot(checkout: Checkout, fault: str) -> None:
    done = checkout.run("send", program=None, **{fault: "1"})
    assert (done.returncode, done.stdout) == (0, "command line: send\n"), done
    assert checkout.lines("pip") == [FETCHING_UV, ALL_WITH_PIP]


def test_failure_of_both_is_explained_by_what_pip_said(checkout: Checkout) -> None:
    error = "No matching distribution found for rich==15.1"
    done = checkout.run(FAKE_UV_ERROR="connection reset", FAKE_PIP_ERROR=error)
    assert_fails_in_one_sentence(done, "see the lines above")
    assert "connection reset" not in done.stderr


def test_uv_takes_packages_from_where_pip_would(checkout: Checkout) -> None:
    settings = [
        ":env:.find-links='/wheels /more'",
        "global.cert='/etc/ca.pem'",
        "global.extra-index-url='\\nhttps://one.example\\nhttps://two.example'",
        "global.index-url='https://general.example'",
        "install.index-url='https://mirror.example'",
    ]
    checkout.run(FAKE_PIP_CONFIG="\n".join(settings))
    assert checkout.lines("uv")[1:] == [
        "SSL_CERT_FILE=/etc/ca.pem",
        "UV_DEFAULT_INDEX=https://mirror.example",
        "UV_FIND_LINKS=/wheels,/more",
        "UV_INDEX=https://one.example https://two.example",
        "UV_INDEX_STRATEGY=unsafe-best-match",
    ]


def test_uvs_own_settings_stay(checkout: Checkout) -> None:
    own = "https://mine.example"
    checkout.run(FAKE_PIP_CONFIG="global.index-url='https://pips'", UV_DEFAULT_INDEX=own)
    assert checkout.lines("uv")[1:] == [f"UV_DEFAULT_INDEX={own}"]


@pytest.mark.parametrize("setting", ["no-index", "proxy", "trusted-host", "client-cert"])
def test_settings_that_only_pip_knows_keep_pip(checkout: Checkout, setting: str) -> None:
    checkout.run(FAKE_PIP_CONFIG=f"global.{setting}='x'")
    assert checkout.lines("uv") == []
    assert checkout.lines("pip") == [FETCHING_UV, ALL_WITH_PIP]


def test_long_step_says_what_it_is_doing(checkout: Checkout) -> None:
    done = checkout.run(FAKE_PIP_S="6")
    assert "gateway: Installing the packages\ngateway: … 5 s: Collecting uv\n" in done.stderr
