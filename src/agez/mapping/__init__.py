"""Maps of one galaxy from its images or its cube: `agez map`."""
