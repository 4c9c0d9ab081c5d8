"""The paper, section by section, with its own numbers."""
