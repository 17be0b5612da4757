"""Text: terms of Chinese text, shared by miners and encoders; numbers as text."""
