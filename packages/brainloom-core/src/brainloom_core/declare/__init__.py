"""What a class declares: parameters, states, equations, and the object that has them."""
