"""Values that flow between the parts. Frozen dataclasses without behaviour beyond their own checks; a leaf."""
