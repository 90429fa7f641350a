//! A CDN's data about itself, as a player forwards it in `cmsds` and `cmsdd`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tallylight_schemas::cmcd::cmsd;

fuzz_target!(|value: &str| {
    cmsd::fixed(value);
    cmsd::hops(value);
});
