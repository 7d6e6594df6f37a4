"""A register of any size, with every signature real: made once for each size and kept between runs."""
