"""Stand-in providers speaking SMTP, the Bot API and the VK API, with faults on demand."""

from deploy.sandbox.server import Sandbox

__all__ = ["Sandbox"]
