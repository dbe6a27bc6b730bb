"""Values that flow between the parts: frozen dataclasses, and what is computed from them alone. A leaf."""
