"""Where vectors are searched: `base` is the port, `flat` the exact adapter."""
