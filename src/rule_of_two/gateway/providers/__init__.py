"""Context providers: what policies know of the world besides the call and its session."""
