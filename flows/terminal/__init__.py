"""What a person sees at the terminal, and the options that several commands share."""
