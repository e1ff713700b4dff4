"""Between protobuf and the domain; protobuf types stop here. Counts are checked before anything is copied."""
