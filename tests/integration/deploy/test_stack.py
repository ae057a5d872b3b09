"""The processes of the gateway are kept up, whatever happens to one of them."""

import contextlib
import os
import signal
import time
from pathlib import Path

from common.errors import SETTINGS_EXIT_CODE
from deploy.local.stack import Service, Stack, plain_environment
from tests.support.polling import until


def pid(stack: Stack, service: Service) -> int:
    """Its process id, 0 while there is none."""
    with contextlib.suppress(OSError, ValueError):
        return stack.pid(service.name) if service.is_running else 0
    return 0


def test_start_that_fails_is_tried_again_and_hinders_no_other(tmp_path: Path) -> None:
    broken, other = (
        Service(name, ["sleep", "60"], plain_environment()) for name in ("broken", "other")
    )
    with Stack(tmp_path, [broken, other]) as stack:
        log_file = stack.log_file("broken")
        log_file.unlink()
        log_file.mkdir()  # nothing can be written there
        os.kill(until(lambda: pid(stack, broken)), signal.SIGKILL)
        until(lambda: broken.starts >= 3)

        first = until(lambda: pid(stack, other))
        os.kill(first, signal.SIGKILL)
        until(lambda: pid(stack, other) not in (0, first))

        log_file.rmdir()
        until(lambda: pid(stack, broken))
    assert [one.is_running for one in (broken, other)] == [False, False]


def test_what_has_run_before_is_started_again_until_its_settings_refuse_it_for_long(
    tmp_path: Path,
) -> None:
    flag = tmp_path / "refused"
    line = f"test -e {flag} && exit {SETTINGS_EXIT_CODE}; sleep 60"
    passing = Service("passing", ["sh", "-c", line], plain_environment())
    lasting = Service("lasting", ["sh", "-c", line], plain_environment(), believed_after_s=2)
    with Stack(tmp_path, [passing, lasting]) as stack:
        first = until(lambda: pid(stack, passing)), until(lambda: pid(stack, lasting))
        flag.touch()
        for number in first:
            os.kill(number, signal.SIGKILL)
        until(lambda: lasting.is_misconfigured)
        assert lasting.starts > 2
        assert not passing.is_misconfigured

        flag.unlink()
        until(lambda: pid(stack, passing) not in (0, first[0]))
        assert pid(stack, lasting) == 0


def test_stop_right_after_the_start_waits_for_nothing(tmp_path: Path) -> None:
    """Its guard has not yet written down whom to tell."""
    with Stack(tmp_path, [Service("young", ["sleep", "60"], plain_environment())]):
        began = time.monotonic()
    assert time.monotonic() - began < 20  # those that hear nothing are killed after 30


def test_what_a_setting_has_ended_is_not_started_again(tmp_path: Path) -> None:
    words = {"misconfigured": f"exit {SETTINGS_EXIT_CODE}", "failing": "exit 1"}
    misconfigured, failing = (
        Service(name, ["sh", "-c", line], plain_environment()) for name, line in words.items()
    )
    with Stack(tmp_path, [misconfigured, failing]):
        until(lambda: failing.starts >= 3)
        assert (misconfigured.starts, misconfigured.is_misconfigured) == (1, True)
        assert not failing.is_misconfigured
