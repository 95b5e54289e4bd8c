//! Puts the parts together and keeps them alive.
