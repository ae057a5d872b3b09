"""The OpenAPI document: what every application says in the same way."""
