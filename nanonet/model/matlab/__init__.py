"""Networks as MATLAB's genFunction writes them: read, and written."""
