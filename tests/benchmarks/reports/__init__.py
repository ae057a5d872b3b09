"""What becomes of what was measured: figures, goals, tables, plots, the page of the docs."""
