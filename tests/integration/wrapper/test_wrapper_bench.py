"""The wrapper ./gateway sets up for `bench` what its peers need, in an environment of their own."""

from pathlib import Path

import pytest

from tests.support.processes.fake_checkout import Checkout, assert_fails_in_one_sentence

NEEDED = ("rabbitmq-server", "wrk", "smtp-sink", "postgres")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """One in which every program that a benchmark takes is installed."""
    checkout = Checkout.create(tmp_path)
    pins = checkout.root / "tests" / "benchmarks" / "requirements.txt"
    pins.parent.mkdir(parents=True)
    pins.write_text("celery==5.7.0\n")
    for program in NEEDED:
        checkout.add(program, "#!/bin/sh\n")
    return checkout


def test_first_bench_makes_the_peers_environment_and_second_does_not(checkout: Checkout) -> None:
    first, second = checkout.run("bench"), checkout.run("bench", "email")
    python = checkout.state / "bench" / "venv" / "bin" / "python"
    assert (first.stdout, second.stdout) == ("command line: bench\n", "command line: bench email\n")
    assert "peers" in first.stderr
    assert second.stderr == ""
    asked = [line for line in checkout.lines("uv") if "requirements.txt" in line]
    pins = checkout.root / "tests" / "benchmarks" / "requirements.txt"
    assert asked == [f"-m uv pip install --python {python} --compile-bytecode -r {pins}"]


def test_other_pins_make_the_peers_environment_anew(checkout: Checkout) -> None:
    checkout.run("bench")
    (checkout.root / "tests" / "benchmarks" / "requirements.txt").write_text("celery==5.8.0\n")
    checkout.run("bench")
    assert len([line for line in checkout.lines("uv") if "requirements.txt" in line]) == 2


@pytest.mark.parametrize("words", [("send",), ("test",), ("bench", "--help")], ids=" ".join)
def test_nothing_else_needs_the_peers(checkout: Checkout, words: tuple[str, ...]) -> None:
    checkout.run(*words)
    assert not (checkout.state / "bench").exists()


def test_broker_of_the_settings_is_not_measured_with(checkout: Checkout) -> None:
    (checkout.fakes / "rabbitmq-server").unlink()
    done = checkout.run("bench", GATEWAY_AMQP_URL="amqp://elsewhere/")
    assert_fails_in_one_sentence(done, "install the package rabbitmq-server")


def test_peers_that_cannot_be_installed_are_told(checkout: Checkout) -> None:
    checkout.run("send")
    error = "No matching distribution found for celery==5.7.0"
    done = checkout.run("bench", FAKE_UV_ERROR="no", FAKE_PIP_ERROR=error)
    assert_fails_in_one_sentence(done, "The benchmarks' peers could not be installed")
