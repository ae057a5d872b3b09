"""A VK API that delivers to nobody."""
