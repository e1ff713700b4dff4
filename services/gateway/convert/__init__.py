"""Between protobuf and the domain; protobuf types stop here."""
