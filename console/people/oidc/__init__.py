"""People of another directory, by OpenID Connect."""
