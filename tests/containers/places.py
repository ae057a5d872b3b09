"""Where a run keeps what it writes, on the machine that runs it and on the one it makes."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(os.environ.get("CONTAINER_TESTS_STATE", ROOT / ".gateway" / "containers"))
"""What a later run uses again: base images, the Compose plug-in, how long the tests took."""
RUN = KEPT / "run"
"""What one run needs and its end removes: the engine's images, containers and volumes."""
CGROUP = f"gateway-test-{hashlib.sha256(os.fsencode(KEPT)).hexdigest()[:12]}"
"""The control group of all containers; the one thing outside that the engine makes."""

PRIVATE = Path("/run")
"""On the machine that is made a tmpfs of its own, so nothing in it outlives that machine."""
OVERRIDE = PRIVATE / "compose.override.yaml"
