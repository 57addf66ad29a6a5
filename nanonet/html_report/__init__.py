"""A fit as one HTML page that opens offline."""

from nanonet.html_report.report import fit_as_html as fit_as_html
