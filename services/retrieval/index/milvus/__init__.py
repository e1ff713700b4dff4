"""Sealed segments that a Milvus holds and searches, for vectors that outgrow this machine's memory."""
