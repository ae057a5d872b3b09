"""The store itself, by its settings: tables, processes, what is erased."""
