"""``python -m rule_of_two``."""

from rule_of_two.cli.main import main

if __name__ == "__main__":
    main()
