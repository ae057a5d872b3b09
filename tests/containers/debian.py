"""Debian's packages by the machine's own apt: from its mirror, through its proxy, with its keys."""

import subprocess
from pathlib import Path

from tests.containers.places import RUN


def mirror() -> str:
    """The address of Debian's archive in the sources of apt here."""
    found = _apt("indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)")
    addresses = [
        line.split()[2] for line in found.splitlines() if line.startswith("Debian Debian ")
    ]
    assert addresses, (
        "No image registry answers, and apt has no source of Debian's to make the base images of: "
        "run this where one of the two is."
    )
    return addresses[0]


def fetch_package(name: str, release: str, into: Path) -> None:
    """Download a package of a release and unpack it, without installing it."""
    place = RUN / "apt"
    (place / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    sources = place / "sources.list"
    sources.write_text(f"deb {mirror()} {release} main\n")
    options = [
        f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=/dev/null",
        f"Dir::State::Lists={place / 'lists'}", "APT::Sandbox::User=root",
    ]  # fmt: skip
    words = [word for option in options for word in ("-o", option)]
    _apt(*words, "update")
    _apt(*words, "download", name, directory=place)
    [package] = place.glob(f"{name}_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, into], check=True)


def make_root(release: str, packages: list[str], into: Path) -> None:
    """Install a small Debian with some packages into a directory."""
    # A release that debootstrap does not know yet is made as the one that is never released.
    known = Path("/usr/share/debootstrap/scripts") / release
    script = [] if known.exists() else ["sid"]
    included = f"--include={','.join(packages)}"
    command = ["debootstrap", "--variant=minbase", included, release, str(into), mirror(), *script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"debootstrap failed: {done.stdout[-2000:]}"
    for cache in ("var/cache/apt/archives", "var/lib/apt/lists", "var/log"):
        subprocess.run(["find", str(into / cache), "-type", "f", "-delete"], check=True)


def _apt(*words: str, directory: Path | None = None) -> str:
    done = subprocess.run(
        ["apt-get", *words], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"apt-get {words[-1]} failed: {done.stderr}"
    return done.stdout
