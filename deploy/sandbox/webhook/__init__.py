"""The stand-in receiver of webhooks."""
