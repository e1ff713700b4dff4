"""What calls take and return: plain frozen dataclasses, never protobuf."""
