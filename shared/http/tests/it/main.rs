//! The REST edge from outside.

mod no_input_panics;
