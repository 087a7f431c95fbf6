"""One file for each view of the page."""
