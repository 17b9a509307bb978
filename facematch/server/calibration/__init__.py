"""How well the people of the gallery are told apart here, and what people said of Matches."""
