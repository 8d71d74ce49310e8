//! Endpoints and deliveries, over the real engines.

mod deliveries;
mod endpoints;
mod poll;
mod replays;
mod secrets;
mod settings;
mod trial;
