//! How large the process is: the last net under what no memory pool counts.

/// Resident bytes of this process; 0 where the system does not say.
pub(super) fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(4_096)
}
