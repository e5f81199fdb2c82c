"""Long tables of many trainings: made run by run, each with a row of its own, so that they can be broken off."""
