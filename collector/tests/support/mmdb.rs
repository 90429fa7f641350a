//! MMDB files made by hand, as small as the format allows (MaxMind DB 2.0).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const NODE_BYTES: usize = 6;

pub fn text(value: &str) -> Vec<u8> {
    let mut out = vec![(2 << 5) | u8::try_from(value.len()).unwrap()];
    out.extend_from_slice(value.as_bytes());
    out
}

pub fn number(value: u32) -> Vec<u8> {
    [&[(6 << 5) | 4], value.to_be_bytes().as_slice()].concat()
}

fn short(value: u16) -> Vec<u8> {
    [&[(5 << 5) | 2], value.to_be_bytes().as_slice()].concat()
}

pub fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![(7 << 5) | u8::try_from(pairs.len()).unwrap()];
    for (key, value) in pairs {
        out.extend(text(key));
        out.extend_from_slice(value);
    }
    out
}

/// A file with these /24 networks.
pub fn file(kind: &str, networks: &[(Ipv4Addr, Vec<u8>)]) -> Vec<u8> {
    // Left and right of each node: another node, or (negative) a record of data.
    let mut nodes: Vec<[Option<i64>; 2]> = vec![[None; 2]];
    let mut data = Vec::new();
    for (network, record) in networks {
        let mut at = 0;
        for bit in 0..24 {
            let side = (network.to_bits() >> (31 - bit) & 1) as usize;
            if bit == 23 {
                nodes[at][side] = Some(-1 - data.len() as i64);
                continue;
            }
            at = match nodes[at][side] {
                Some(next) => next as usize,
                None => {
                    nodes.push([None; 2]);
                    let next = nodes.len() - 1;
                    nodes[at][side] = Some(next as i64);
                    next
                }
            };
        }
        data.extend_from_slice(record);
    }
    let count = nodes.len();
    let mut out = Vec::with_capacity(count * NODE_BYTES);
    for side in nodes.into_iter().flatten() {
        let value = match side {
            None => count,
            Some(data) if data < 0 => count + 16 + (-1 - data) as usize,
            Some(node) => node as usize,
        };
        out.extend_from_slice(&u32::try_from(value).unwrap().to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let fields = BTreeMap::from([
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        ("build_epoch", [&[4, 2], 1_795_000_000_u32.to_be_bytes().as_slice()].concat()),
        ("database_type", text(kind)),
        ("description", map(&[("en", text("made by a test"))])),
        ("ip_version", short(4)),
        ("languages", vec![0, 4]),
        ("node_count", number(u32::try_from(count).unwrap())),
        ("record_size", short(24)),
    ]);
    out.extend(map(&fields.into_iter().collect::<Vec<_>>()));
    out
}
