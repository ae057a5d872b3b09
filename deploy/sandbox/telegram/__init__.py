"""A Bot API that delivers to nobody."""
