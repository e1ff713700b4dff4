"""The client, made from _async by scripts/sync_client.py; do not edit."""
