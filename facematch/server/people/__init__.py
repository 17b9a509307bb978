"""People: who is looked for besides the default person, their photos, and the gallery that is made of them."""
