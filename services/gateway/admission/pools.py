"""The kinds of work that have a queue each. What does not use a model enters by its key's limits alone."""

GENERATE = "generate"  # answers, token by token
ENCODE = (
    "encode"  # vectors, relevance, likelihoods: one pass. Apart, so that an answer may use them while it runs
)
IMAGE = "image"
POOLS = (GENERATE, ENCODE, IMAGE)
# The kind of backend behind each, as the watch of backends names it.
BACKENDS = {GENERATE: "text", ENCODE: "text", IMAGE: "image"}
