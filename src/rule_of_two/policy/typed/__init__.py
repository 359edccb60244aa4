"""A tool's arguments as policies read them, ``context.input``: typed by its pinned definition, where a policy names its
action."""
