//! The only loop: select over channels, step, perform effects.
