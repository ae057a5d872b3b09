"""How a test starts what must end well, and which processes work for it, to see none left."""

from pathlib import Path

# Before a command: run it deaf to Ctrl-C, as `nohup`, a shell's `&` and many runners do.
DEAF = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]


def working_for(directory: Path, *marks: str) -> list[str]:
    """Command lines of living processes that were started in a directory or hold a mark.

    Marks are words of their environments, the directory itself being one. Erlang's port mapper
    inherits nothing else than the directory; one that Erlang has started by itself, its home.
    """
    words = [mark.encode() for mark in (*marks, str(directory))]
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            is_there = (entry / "cwd").readlink() == directory
        except OSError:
            continue
        if line and (is_there or any(word in environment for word in words)):
            found.append(line)
    return found
