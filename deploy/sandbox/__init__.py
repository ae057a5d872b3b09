"""Stand-ins for mail server, Bot API, VK API and webhooks, with faults on demand."""

from deploy.sandbox.server import Sandbox

__all__ = ["Sandbox"]
