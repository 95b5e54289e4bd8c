//! Properties of the whole crate, each checked on thousands of made-up cases.

#[cfg(test)]
mod file;
#[cfg(test)]
mod given;
#[cfg(test)]
mod live;
#[cfg(test)]
mod pending;
#[cfg(test)]
mod ruleset;
#[cfg(test)]
mod text;
