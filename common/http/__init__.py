"""What processes that speak HTTP share: connections, keys, bodies, problems."""
