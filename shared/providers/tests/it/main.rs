//! Golden vectors, payload samples and properties, all over the public API.

#![expect(clippy::unwrap_used, reason = "tests")]

mod evidence;
mod exponents;
mod forgery;
mod generic;
mod no_input_panics;
mod readme;
mod repeats;
mod rules;
mod samples;
mod schemes;
mod support;
mod vectors;
