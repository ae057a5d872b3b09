"""The wrapper ./gateway, on checkouts of the tests' own."""
