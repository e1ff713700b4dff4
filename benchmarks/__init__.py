"""First benchmarks, one a service, each against the plainest alternative in the same run."""
