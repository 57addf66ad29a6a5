"""A network together with its columns: predictions, scores, files, exports."""
