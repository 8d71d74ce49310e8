//! Endpoints and deliveries, over the real engines.

mod deliveries;
mod endpoints;
