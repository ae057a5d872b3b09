"""The curl commands of the README, to be run as they stand."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import httpx

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
API = "http://127.0.0.1:8080"


def curl_commands() -> list[str]:
    """Every curl command of the README's shell blocks, over all its lines."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    commands = [command for block in blocks for command in re.split(r"\n(?=curl )", block)]
    return [command.strip() for command in commands if command.startswith("curl ")]


def run_curl(command: str, api: str, key: str = "") -> str:
    """Run one in a shell that has the key, at this API; where there is no curl, send its words."""
    command = command.replace(API, api)
    if shutil.which("curl"):
        return subprocess.run(
            ["sh", "-ec", f"{command} -sS --fail-with-body"],
            env=os.environ | {"GATEWAY_API_KEY": key},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    words = shlex.split(command.replace("$GATEWAY_API_KEY", key))[1:]
    options = list(zip(words[1::2], words[2::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
    answer = httpx.post(words[0], headers=headers, content=dict(options)["-d"])
    return answer.raise_for_status().text
