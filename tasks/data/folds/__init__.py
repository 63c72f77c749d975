"""How training rows are held out, the same for all contenders."""
