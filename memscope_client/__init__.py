"""A library for talking to memscoped over gRPC."""
