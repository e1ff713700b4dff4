"""Short questions about Quadrille and their answers, for conversations without passages."""

from __future__ import annotations

SMALL_TALK: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (
            "What is Quadrille?",
            "Tell me about Quadrille.",
            "What does Quadrille do?",
            "Explain Quadrille.",
            "Quadrille?",
        ),
        "Quadrille is a set of gRPC services that serve generative models: text, images and "
        "retrieval, behind one gateway.",
    ),
    (
        ("Who are you?", "What are you?", "What is your name?", "Introduce yourself."),
        "I am Quadrille's starter model, a small language model that answers from documents.",
    ),
    (
        ("What can you do?", "How can you help me?", "What are you good at?"),
        "I can answer a question from the passages I am given, and cite them. For more, load a larger model.",
    ),
    (
        ("Hello", "Hello!", "Hi", "Hi!", "Hi there", "Hey", "Good morning"),
        "Hello! Ask me about your documents.",
    ),
    (
        ("How are you?", "How are you doing?", "How is it going?"),
        "I am well, thank you. Ask me about your documents.",
    ),
    (("Thanks", "Thank you", "Thank you!", "Thanks a lot!"), "You are welcome."),
    (("Bye", "Goodbye", "See you later"), "Goodbye!"),
    (
        (
            "Which services are there?",
            "What services does Quadrille have?",
            "Name the four services.",
            "What is inside Quadrille?",
        ),
        "There are four services: text, image, retrieval and the gateway.",
    ),
    (
        ("What is the gateway?", "What does the gateway do?", "Why is there a gateway?"),
        "The gateway answers questions over your documents, and passes other calls on to the text, "
        "image and retrieval services.",
    ),
    (
        ("What is the text service?", "What does the text service do?", "What is textgen?"),
        "The text service runs language models: it generates, chats, scores, embeds and ranks text.",
    ),
    (
        (
            "What is the image service?",
            "What does the image service do?",
            "Can you draw?",
            "What is imagegen?",
        ),
        "The image service runs diffusion models: it draws pictures from a prompt and edits them.",
    ),
    (
        ("What is the retrieval service?", "What does the retrieval service do?", "How does search work?"),
        "The retrieval service stores documents and searches them by meaning, by words, or by both.",
    ),
    (
        ("What is gRPC?", "Tell me about gRPC.", "Why gRPC?"),
        "gRPC is a way for programs to call each other over a network, with typed messages and streams.",
    ),
    (
        ("What is RAG?", "What does RAG mean?", "What is retrieval augmented generation?"),
        "RAG means retrieval augmented generation: search first, then answer from the passages "
        "that were found.",
    ),
    (
        (
            "How do I start Quadrille?",
            "How do I run the demo?",
            "How do I try it?",
            "How do I install Quadrille?",
        ),
        "Run make demo in the repository. It installs what is needed and shows every service.",
    ),
    (
        ("How big are you?", "How large is the model?", "How many parameters do you have?"),
        "I have about ten million parameters. That is very small.",
    ),
    (
        ("How were you trained?", "Where do you come from?", "Who made you?", "Who trained you?"),
        "I was trained from nothing on made-up text by a recipe in the starter folder.",
    ),
    (
        (
            "Can I use another model?",
            "How do I load a better model?",
            "Can I use Llama?",
            "Is there a bigger model?",
        ),
        "Yes. Point the text service at any model directory in safetensors, and restart it.",
    ),
    (
        (
            "What is the licence?",
            "Which license does Quadrille have?",
            "Is Quadrille free?",
            "Is Quadrille open source?",
        ),
        "Quadrille is open source under the Apache License 2.0.",
    ),
    (
        ("What is a language model?", "How does a language model work?"),
        "A language model predicts the next piece of a text from what came before.",
    ),
    (
        ("What is an embedding?", "What are embeddings?"),
        "An embedding is a list of numbers that stands for the meaning of a text.",
    ),
    (
        (
            "What is the capital of France?",
            "What is two plus two?",
            "Who won the game?",
            "What is the weather like?",
        ),
        "I don't know. I am a small model and only know what documents say.",
    ),
)
