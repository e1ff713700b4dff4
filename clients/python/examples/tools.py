"""A tool that the model may call: python tools.py [host:port] [model]. The model's chat template must know tools."""

import os
import sys

from quadrille_client import Client, InvalidArgumentError, Tool
from quadrille_client.types.text import Message

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
MODEL = sys.argv[2] if len(sys.argv) > 2 else ""
WEATHER = Tool(
    "weather",
    "Says how it is outside in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def weather(city: str) -> str:
    """What the tool answers."""
    return f"It rains in {city}."


def main() -> None:
    """Ask, run what the model calls, and have it go on with the results, three times at most."""
    turns: list[Message] = [{"role": "user", "content": "Do I need an umbrella in Oslo?"}]
    with Client(ADDRESS) as client:
        try:
            for _ in range(3):
                answer = client.chat(turns, model=MODEL, tools=[WEATHER], temperature=0.0)
                if not answer.tool_calls:
                    break
                turns.append(answer.message)
                for call in answer.tool_calls:
                    print(f"{call.name}({call.arguments})")
                    turns.append(
                        {"role": "tool", "tool_call_id": call.id, "content": weather(**call.parse())}
                    )
            print(answer.text)
        except InvalidArgumentError as error:
            print(f"{error.field}: {error.message}")


if __name__ == "__main__":
    main()
