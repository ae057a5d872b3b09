"""Every text of the pages, in each language."""
