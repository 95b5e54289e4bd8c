//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers by `SplitMix64`.
pub struct Random(u64);

impl Random {
    /// Seeded by an environment variable or, without one, by the time; the seed is printed.
    pub fn seeded(variable: &str) -> Self {
        let given = std::env::var(variable).ok();
        let seed = given.map_or_else(
            || {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                u64::from(now.unwrap_or_default().subsec_nanos())
            },
            |text| text.parse().unwrap(),
        );
        println!("the same chance again: {variable}={seed}");
        Self(seed)
    }

    /// A number below this one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
