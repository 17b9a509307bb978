"""What is needed around Face Match and is no part of it at run time."""
