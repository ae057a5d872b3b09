"""Where this machine's pip takes packages from, for the build: as secrets, so in no image."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.containers.places import PRIVATE

_PASSED_ON = ("index-url", "extra-index-url", "trusted-host", "proxy")


def build_secrets() -> dict[str, Path]:
    """The secrets of deploy/Dockerfile by their names, in files of their own."""
    settings = _settings()
    secrets = {"pip_conf": PRIVATE / "pip.conf"}
    lines = [f"{name} = {settings[name]}" for name in _PASSED_ON if settings.get(name)]
    if "cert" in settings:
        secrets["pip_ca"] = PRIVATE / "pip_ca.pem"
        shutil.copyfile(settings["cert"], secrets["pip_ca"])
        lines.append("cert = /run/secrets/pip_ca")
    secrets["pip_conf"].write_text("\n".join(["[global]", *lines, ""]))
    return secrets


def _settings() -> dict[str, str]:
    """The settings of pip; those of the environment come last and win. Local files stay here."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = {}
    for line in sorted(told.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        words = value.strip("'").replace("\\n", " ").split()
        kept = [word for word in words if not word.startswith("file:")]
        settings[name.partition(".")[2]] = " ".join(kept)
    return settings
