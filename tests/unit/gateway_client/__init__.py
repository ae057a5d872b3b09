"""The client of users' own services, without a gateway."""
