"""From values to text: pure functions, each of which gives lines or a JSON document and prints nothing."""
