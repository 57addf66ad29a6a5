"""The report of a fit on one HTML page."""
