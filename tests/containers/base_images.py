"""The images that ours are made of: pulled, or where no registry answers, made from Debian."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.containers.debian import make_root
from tests.containers.engine import docker
from tests.containers.places import KEPT, RUN
from tests.support.deployments import compose, dockerfile

PULL_TIMEOUT_S = 600


@dataclass(frozen=True)
class Recipe:
    """A stand-in for an official image: packages of a release of Debian's, and what is put in."""

    release: str
    packages: Sequence[str]
    finish: Callable[[Path], None]
    config: Sequence[str]


def provide_base_images() -> None:
    """Have both in the engine, under the names that the container files use."""
    python = [value for name, value in dockerfile() if name == "FROM"][-1]
    for name, recipe in ((python, _PYTHON), (compose()["services"]["broker"]["image"], _RABBITMQ)):
        if not _pull(name):
            _import(name, recipe)


def _pull(name: str) -> bool:
    try:
        done = subprocess.run(
            ["docker", "pull", "--quiet", name],
            capture_output=True, timeout=PULL_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _import(name: str, recipe: Recipe) -> None:
    archive = KEPT / f"{name.replace(':', '-')}.tar"
    if not archive.exists():
        _make(recipe, archive)
    changes = [word for line in recipe.config for word in ("--change", line)]
    docker("import", *changes, str(archive), name, timeout_s=300)


def _make(recipe: Recipe, archive: Path) -> None:
    root = RUN / "root"
    make_root(recipe.release, list(recipe.packages), root)
    recipe.finish(root)
    unfinished = archive.with_suffix(".unfinished")
    subprocess.run(["tar", "-C", root, "--one-file-system", "-cf", unfinished, "."], check=True)
    unfinished.rename(archive)
    shutil.rmtree(root)


def _finish_python(root: Path) -> None:
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "usr/local/bin/pip").symlink_to("/usr/bin/pip3")


def _finish_rabbitmq(root: Path) -> None:
    settings = root / "etc/rabbitmq"
    (settings / "rabbitmq-env.conf").unlink(missing_ok=True)
    (settings / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
    (settings / "conf.d").mkdir()
    defaults = "loopback_users.guest = false\nlog.console = true\n"
    (settings / "conf.d" / "10-defaults.conf").write_text(defaults)
    (root / "var/lib/rabbitmq/.erlang.cookie").unlink(missing_ok=True)


_PYTHON = Recipe(
    "trixie",
    ["python3", "python3-pip", "python3-venv", "ca-certificates", "netbase", "tzdata"],
    _finish_python,
    ['CMD ["python"]'],
)
_RABBITMQ = Recipe(
    "forky",
    ["rabbitmq-server", "ca-certificates"],
    _finish_rabbitmq,
    [
        # The programs themselves: the ones in /usr/sbin change users, which official images do not.
        "ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/bin:/usr/bin:/bin",
        "ENV HOME=/var/lib/rabbitmq",
        "ENV LANG=C.UTF-8",
        "VOLUME /var/lib/rabbitmq",
        "EXPOSE 5672 15672",
        'CMD ["rabbitmq-server"]',
    ],
)
