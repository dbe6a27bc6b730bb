"""The shim's outer half: drains a session's shared memory and ships it over gRPC, in a process of its own."""
