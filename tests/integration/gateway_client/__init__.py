"""The client of users' own services, against the gateway."""
