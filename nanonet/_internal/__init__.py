"""What every room needs: checks, compilation, optional imports, files."""
