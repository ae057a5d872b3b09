"""What the console holds in memory only where it is used."""

import subprocess
import sys

LOOK = "import sys, console.app; print(*({'authlib', 'joserfc', 'requests'} & {*sys.modules}))"


LOOK_AT_PASSWORDS = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from console.people.passwords import matches
def held_mb():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024
before = held_mb()
thread = ThreadPoolExecutor(1)
for _ in range(3):
    thread.submit(matches, "a password", None).result()
print(held_mb() - before)
"""


def test_memory_of_a_password_is_given_back() -> None:
    command = [sys.executable, "-c", LOOK_AT_PASSWORDS]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(found.stdout) < 8  # of 19 that each takes


def test_library_of_openid_connect_is_loaded_where_it_is_set_up_only() -> None:
    command = [sys.executable, "-c", LOOK]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
