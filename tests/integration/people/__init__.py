"""Signing in at the console: real stores, a real browser, a real OpenID Connect provider."""
