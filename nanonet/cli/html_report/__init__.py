"""A fit as one HTML page that opens offline."""
