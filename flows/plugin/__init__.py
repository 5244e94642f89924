"""What others wrote and installed: finding it, running it apart, giving it what it asks for, and whose fault it is."""
