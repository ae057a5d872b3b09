"""What takes the place of the provider for what test keys send."""
