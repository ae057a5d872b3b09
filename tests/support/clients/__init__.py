"""How tests ask over HTTP."""
