"""What a gain on a benchmark says of the Arena: transfer, prompts, style."""
