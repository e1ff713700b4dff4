"""What every server needs, and knows no service: config, bootstrap, health, errors, auth, telemetry."""
