"""The text service beside its peers: one model, one workload, one run."""
