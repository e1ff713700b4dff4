"""Where collections and documents are kept: `base` is the port, `sqlite` the adapter."""
