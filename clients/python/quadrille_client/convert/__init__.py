"""Protobuf to plain types and back."""
