"""The playground: one HTML page that trains small networks in a browser."""
