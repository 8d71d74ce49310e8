//! Payments and events, over the real engines.

mod documents;
mod events;
mod openapi;
mod outage;
mod payments;
mod sizes;
mod unreadable;
