"""The OpenAPI document: operations, models of answers, examples."""
